"""Formats of demonstrations: what becomes question, context, audience and answer."""

import json

import pytest

from services.domain.conversation import Question
from services.errors.inputs import InvalidRecord
from services.training_sets.importers.records import ImportedExample

GENERAL = ("general knowledge", "general reader")


def lines(*records: object) -> str:
    return "\n".join(map(json.dumps, records))


def test_a_webscale_rl_records_persona_is_the_audience(read_text):
    record = {
        "domain": "physics",
        "persona": "student",
        "context": "Light scatters.",
        "question": "Why?",
        "answer": "So.",
    }
    question = Question("Why?", "physics", "student", "Light scatters.")
    assert read_text(lines(record), "webscale_rl") == [ImportedExample(question, "So.")]


def test_an_instructions_input_is_its_context(read_text):
    (read,) = read_text(
        lines({"instruction": "Review it.", "input": "def f(x): return x", "output": "Fine."}), "instructions"
    )
    assert read == ImportedExample(Question("Review it.", *GENERAL, "def f(x): return x"), "Fine.")


def test_language_is_told_to_the_audience_and_other_fields_are_variables_of_the_prompt(read_text):
    record = {
        "instruction": "Tell a story.",
        "output": "Once …",
        "personality": "neutral",
        "language": "en",
        "student_age": 7,
        "Topic": "Rainbows",
        "id": 12,
        "text": "the whole prompt and its answer",
        "tags": ["a"],
        "empty": "",
    }
    (read,) = read_text(lines(record), "instructions")
    assert read.question.context == "Personality: neutral\nStudent age: 7\nTopic: Rainbows"
    assert read.question.audience == "general reader (en)"


@pytest.mark.parametrize(
    ("given", "question", "context"),
    [
        (
            {"input": "Student age: 7, Topic: Photosynthesis. Generate story."},
            "Generate story.",
            "Student age: 7\nTopic: Photosynthesis",
        ),
        (
            {"input": "Strategy: Socratic method. Ask about water."},
            "Ask about water.",
            "Strategy: Socratic method",
        ),
        (
            {"instruction": "Tell.", "input": "Topic: Rainbows, Age: Preschoolers (3-5 years)"},
            "Tell.",
            "Topic: Rainbows\nAge: Preschoolers (3-5 years)",
        ),
        ({"instruction": "Tell.", "input": "First, this. Then: that"}, "Tell.", "First, this. Then: that"),
        ({"input": "What is rain?"}, "What is rain?", ""),
        ({"instruction": " ", "input": "What is rain?"}, "What is rain?", ""),
    ],
)
def test_variables_in_the_input_become_lines(
    read_text, given: dict[str, object], question: str, context: str
):
    (read,) = read_text(lines(given | {"output": "x"}), "instructions")
    assert (read.question.text, read.question.context) == (question, context)


def test_a_language_said_when_importing_is_that_of_all_who_do_not_say_theirs(read_text):
    records = [{"instruction": "Why?", "output": "x"}, {"instruction": "Why?", "output": "x", "lang": "fr"}]
    reads = read_text(lines(*records), "instructions", language="de")
    assert [read.question.audience for read in reads] == ["general reader (de)", "general reader (fr)"]


def test_fields_of_other_names_are_named_when_importing(read_text):
    record = {"title": "Why?", "body": "So."}
    names = {"question": ("title",), "answer": ("body",)}
    assert read_text(lines(record), "instructions", names=names) == [
        ImportedExample(Question("Why?", *GENERAL), "So.")
    ]
    (read,) = read_text(lines(record), "instructions", names={"question": ("headline",)})
    assert isinstance(read, InvalidRecord)
    assert "there is no headline; the record has title, body" in read.reason


@pytest.mark.parametrize(
    "text",
    [
        "question,A,B,C,answer\nCapital of France?,Rome,Paris,,B\n",
        "Question,option_a,option_b,correct_answer\nCapital of France?,Rome,Paris,b\n",
        "question,option1,option2,answer\nCapital of France?,Rome,Paris,paris\n",
        'prompt,choices,answer_idx\nCapital of France?,"{""A"": ""Rome"", ""B"": ""Paris""}",B\n',
        'question,options,answer\nCapital of France?,"[""Rome"", ""Paris""]",(B)\n',
    ],
)
def test_a_choice_question_lists_its_options_and_is_answered_by_a_letter(read_text, text: str):
    (read,) = read_text(text, "mcq")
    assert read == ImportedExample(Question("Capital of France?\nA. Rome\nB. Paris", *GENERAL), "B")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Capital?,Rome,Paris,C", "names no option"),
        ("Capital?,Rome,Paris,1", "names no option"),
        ("Capital?,Rome,Rome,Rome", "names no option"),
        ("Capital?,Rome,,A", "fewer than two options"),
        ("Capital?,Rome,Paris", "3 columns where the first line names 4"),
        ('Capital?,"Rome" x,Paris,A', "not CSV"),
    ],
)
def test_a_choice_question_that_makes_no_sense_is_reported(read_text, row: str, reason: str):
    good = "Why?,Because,So,A"
    bad, kept = read_text(f"question,A,B,answer\n{row}\n{good}\n", "mcq")
    assert (bad.line, reason in bad.reason) == (2, True)
    assert kept.completion == "A"


def test_short_answer_questions_may_have_context_and_lines_within_quotes(read_text):
    text = 'question,answer,context\r\n"Why,\r\nthen?",So.,Light\r\n\r\nHow?,Thus.,\r\n'
    first, second = read_text(text, "saq")
    assert first == ImportedExample(Question("Why,\r\nthen?", *GENERAL, "Light"), "So.")
    assert second.question.text == "How?"


def test_wrong_columns_say_which_there_are(read_text):
    (read,) = read_text("frage;antwort\nWarum?;Darum.\n", "saq")
    assert (read.line, read.reason) == (2, "there is no question; the record has frage;antwort")
