"""Formats of opinions: ratings, comparisons, and the data sets that are published in a shape of their own."""

import json

import pytest

from services.domain.conversation import Question
from services.domain.feedback import Choice, Thumb
from services.errors.inputs import InvalidRecord
from services.training_sets.importers.records import ImportedComparison, ImportedExample, ImportedRating

GENERAL = ("general knowledge", "general reader")
WHY = Question("Why?", *GENERAL)


def user(text: str) -> dict[str, object]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, object]:
    return {"role": "assistant", "content": text}


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "Why?", "chosen": "So.", "rejected": "No."},
        {"prompt": [user("Why?")], "chosen": [assistant("So.")], "rejected": [assistant("No.")]},
        {"chosen": [user("Why?"), assistant("So.")], "rejected": [user("Why?"), assistant("No.")]},
        {
            "prompt": "Why?",
            "chosen": [user("Why?"), assistant("So.")],
            "rejected": [user("Why?"), assistant("No.")],
        },
    ],
)
def test_a_preference_is_a_comparison_however_it_is_written(read_text, record: dict[str, object]):
    assert read_text(json.dumps(record), "preferences") == [
        ImportedComparison(WHY, "So.", "No.", Choice.LEFT)
    ]


def test_the_conversation_before_a_preference_is_its_context(read_text):
    prompt = [{"role": "system", "content": "Be brief."}, user("Hello"), assistant("Hi."), user("Why?")]
    record = {"prompt": prompt, "chosen": [assistant("So.")], "rejected": [assistant("No.")], "rater": "ann"}
    (read,) = read_text(json.dumps(record), "preferences")
    assert read.question.context == "Instruction: Be brief.\nUser: Hello\nAssistant: Hi."
    assert (read.question.text, read.rater) == ("Why?", "ann")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"prompt": "Why?", "chosen": "So."}, "there is no rejected"),
        ({"chosen": "So.", "rejected": "No."}, "does not end with a question"),
        ({"prompt": "Why?", "chosen": "So.", "rejected": " So. "}, "the same"),
        ({"prompt": [user("Why?"), "x"], "chosen": "a", "rejected": "b"}, "no message"),
        ({"prompt": [{"role": "tool", "content": "x"}], "chosen": "a", "rejected": "b"}, "role"),
        (
            {"chosen": [user("A?"), assistant("x")], "rejected": [user("B?"), assistant("y")]},
            "different conversations",
        ),
    ],
)
def test_a_preference_that_orders_nothing_is_reported(read_text, record: dict[str, object], reason: str):
    (read,) = read_text(json.dumps(record), "preferences")
    assert isinstance(read, InvalidRecord)
    assert reason in read.reason


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"stars": 4}, 4),
        ({"stars": "4"}, 4),
        ({"score": 0}, 1),
        ({"score": " 1"}, 5),
        ({"score": "1.0"}, 5),
        ({"score": 0.625}, 4),
        ({"score": "0.1"}, 1),
        ({"thumb": "up"}, Thumb.UP),
        ({"thumb": False}, Thumb.DOWN),
        ({"thumb": -1}, Thumb.DOWN),
    ],
)
def test_stars_scores_and_thumbs_are_ratings(read_text, said: dict[str, object], verdict: object):
    record = {"question": "Why?", "answer": "So.", "rater": "ann", "comment": "Yes.", **said}
    assert read_text(json.dumps(record), "ratings") == [
        ImportedRating(WHY, "So.", verdict, "ann", comment="Yes.")
    ]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"stars": 6},
        {"stars": True},
        {"stars": 4.5},
        {"score": 1.5},
        {"score": "nan"},
        {"score": "9" * 5_000},
        {"score": True},
        {"thumb": "sideways"},
        {"thumb": ["up"]},
        {"stars": 4, "correction": "So. "},
        {"stars": 4, "rater": 7},
        {"stars": 4, "rater": "x" * 100},
        {"stars": 4, "comment": "x" * 5_000},
    ],
)
def test_a_rating_that_cannot_be_is_reported(read_text, said: dict[str, object]):
    (read,) = read_text(json.dumps({"question": "Why?", "answer": "So.", **said}), "ratings")
    assert isinstance(read, InvalidRecord)


def test_choices_between_two_answers_may_be_ties(read_text):
    said = [("left", Choice.LEFT), (2, Choice.RIGHT), ("TIE", Choice.TIE), ("both bad", Choice.BOTH_BAD)]
    for written, choice in said:
        record = {"question": "Why?", "left": "So.", "right": "No.", "rater": "ann", "choice": written}
        assert read_text(json.dumps(record), "ratings") == [
            ImportedComparison(WHY, "So.", "No.", choice, "ann")
        ]


def test_choices_are_told_in_pairs_and_by_rater(read_text):
    record = {"question": "Why?", "answers": ["a", "b", "c"], "choice": {"ann": [1, 2, 0], "bob": [0, 0, 0]}}
    reads = read_text(json.dumps(record), "ratings")
    assert [(read.left, read.right, read.choice) for read in reads[:3]] == [
        ("a", "b", Choice.LEFT),
        ("a", "c", Choice.RIGHT),
        ("b", "c", Choice.TIE),
    ]
    assert [read.rater for read in reads] == ["ann"] * 3 + ["bob"] * 3
    (read,) = read_text(json.dumps(record | {"choice": [1]}), "ratings")
    assert read.reason == "1 choices for the 3 pairs of 3 answers"


@pytest.mark.parametrize("choice", [3, True, "better", [[1]], None, 10**40])
def test_a_choice_nobody_can_make_is_reported(read_text, choice: object):
    record = {"question": "Why?", "left": "So.", "right": "No.", "choice": choice}
    (read,) = read_text(json.dumps(record), "ratings")
    assert isinstance(read, InvalidRecord)


def test_pandalm_has_three_annotators_a_pair_and_answers_that_are_none(read_text):
    good = {
        "instruction": "",
        "input": "Why?",
        "response1": "So.",
        "response2": "No.",
        "annotator1": 1,
        "annotator2": 0,
        "annotator3": 2,
    }
    records = [good, good | {"response1": True}, good | {"response2": " "}]
    reads = read_text(json.dumps(records, indent=4), "pandalm")
    assert [(read.rater, read.choice) for read in reads[:3]] == [
        ("annotator1", Choice.LEFT),
        ("annotator2", Choice.TIE),
        ("annotator3", Choice.RIGHT),
    ]
    assert reads[0].question == WHY
    assert [(read.line, read.reason[:18]) for read in reads[3:]] == [
        (11, "response1 is not t"),
        (20, "The response2 is e"),
    ]


def test_qa_feedback_has_four_answers_and_a_choice_for_each_pair(read_text):
    record = {
        "question": "Why?",
        "passages": [["Title", "One."], ["Title", "Two."]],
        **{f"prediction {number}": f"Answer {number}." for number in range(1, 5)},
        "feedback": {"errors": []},
        "preference": [0, 1, 2, 0, 1, 2],
    }
    reads = read_text(json.dumps([record]), "qa_feedback")
    assert [read.choice for read in reads].count(Choice.TIE) == 2
    assert (reads[-1].left, reads[-1].right) == ("Answer 3.", "Answer 4.")
    assert reads[0].question.context == "Title\nOne.\nTitle\nTwo."


TRUTHFULQA = (
    "\ufeffType,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n"
    'Adversarial,Physics,Why?,So.,So.; Thus.,"No.; Never; No.;",https://example.org\n'
)


def test_truthfulqas_best_answer_is_better_than_each_incorrect_one(read_text):
    question = Question("Why?", "Physics", "general reader")
    assert read_text(TRUTHFULQA, "truthfulqa") == [
        ImportedComparison(question, "So.", wrong, Choice.LEFT, "author") for wrong in ("No.", "Never")
    ]


def test_truthfulqa_as_thumbs(read_text):
    reads = read_text(TRUTHFULQA, "truthfulqa_thumbs")
    assert [(read.answer, read.verdict) for read in reads] == [
        ("So.", Thumb.UP),
        ("No.", Thumb.DOWN),
        ("Never", Thumb.DOWN),
    ]


def test_truthfulqa_without_an_incorrect_answer_is_reported(read_text):
    (read,) = read_text(TRUTHFULQA.replace("No.; Never; No.;", " ; "), "truthfulqa")
    assert (read.line, read.reason) == (2, "there is no incorrect answer")


GRADED = """<?xml version='1.0' encoding='utf-8'?>
<question id="1">
  <questionText>Why?</questionText>
  <referenceAnswers><referenceAnswer id="a">So &amp; thus.</referenceAnswer></referenceAnswers>
  <studentAnswers>
    <studentAnswer><response>Für <p>mich</p> so.
      </response><response_feedback>Nearly.</response_feedback><score> 0.5</score></studentAnswer>
    <studentAnswer><response> </response><score>0</score></studentAnswer>
    <studentAnswer><response>Thus.</response><score>1.0</score></studentAnswer>
    <studentAnswer><response>Thus?</response><score>good</score></studentAnswer>
  </studentAnswers>
</question>"""


def test_graded_short_answers_are_stars_with_comments_in_the_language_said(read_text):
    reads = read_text(GRADED, "short_answer_feedback", language="german")
    question = Question("Why?", "general knowledge", "general reader (german)")
    assert reads[0] == ImportedExample(question, "So & thus.")
    assert reads[1] == ImportedRating(question, "Für mich so.", 3, "grader", comment="Nearly.")
    assert reads[3] == ImportedRating(question, "Thus.", 5, "grader")
    assert [(read.line, read.reason[:9]) for read in (reads[2], reads[4])] == [
        (8, "The answe"),
        (10, "the score"),
    ]


def test_xml_that_breaks_off_keeps_what_was_whole(read_text):
    reads = read_text(GRADED[: GRADED.index("Thus?")], "short_answer_feedback")
    assert [type(read) for read in reads] == [
        ImportedExample,
        ImportedRating,
        InvalidRecord,
        ImportedRating,
        InvalidRecord,
    ]
    assert (reads[-1].line, reads[-1].reason[:21]) == (10, "not XML from here on:")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<a/>",
        "plain",
        "<a>" * 10_000,
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a>\xff\xfe</a>",
        "<a>\x00</a>",
    ],
)
def test_xml_that_is_none_of_ours_is_one_report(read_text, text):
    (read,) = read_text(text, "short_answer_feedback")
    assert isinstance(read, InvalidRecord)
