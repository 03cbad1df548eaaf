import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.answer_formats import AnswerFormat, AnswerRules, listed_options, rules_of
from services.domain.conversation import Question, persona_messages
from services.domain.gate_policy import default_gate
from services.domain.personas import Persona, PersonaSlug, default_generation
from services.errors.tree import InvalidInput

MCQ = AnswerRules(AnswerFormat.MCQ)
SAQ = AnswerRules(AnswerFormat.SAQ)
CAPITAL = "What is the capital of France?\nA. Rome\nB. Paris\nC. Bonn"
POINT = json.dumps(
    {
        "type": "object",
        "properties": {"x": {"type": "number"}, "inner": {"$ref": "#/$defs/name"}},
        "required": ["x"],
        "$defs": {"name": {"type": "string"}},
    }
)
JSON = AnswerRules(AnswerFormat.JSON, schema=POINT)
JSON_ANY = AnswerRules(AnswerFormat.JSON)


@pytest.mark.parametrize(
    "answer",
    [
        *("B", "b", " B.\n", "(B)", "**B**", "B) Paris", "B. Paris", "B: it is"),
        *("Answer: B", "The answer is B.", "B\nBecause Paris is.", "the correct option is (B) Paris"),
    ],
)
def test_a_letter_is_read_however_it_is_dressed(answer: str):
    assert MCQ.read(answer) == "B"
    assert MCQ.problem(answer, CAPITAL) is None


@pytest.mark.parametrize(
    "answer", ["", "A cat sat", "Paris", "AB", "A or B", "A, B", "?", "It is B", "Bonn."]
)
def test_what_names_no_letter_is_no_answer_to_multiple_choice(answer: str):
    assert MCQ.read(answer) is None
    assert MCQ.problem(answer, CAPITAL) == "it names none of A, B, C"


def test_the_letters_are_those_of_the_options_that_the_question_lists():
    assert listed_options(CAPITAL) == {"A": "Rome", "B": "Paris", "C": "Bonn"}
    assert MCQ.problem("D", CAPITAL) == "it names none of A, B, C"
    assert MCQ.problem("D", "Which?") is None
    assert AnswerRules(AnswerFormat.MCQ, choices="AB").problem("D", "Which?") == "it names none of A, B"
    assert MCQ.problem("E", "Which?\n(A) one\n(B) two\n(E) three") is None


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ('{"x": 1}', None),
        ('```json\n{"x": 1.5, "inner": "n"}\n```', None),
        ('{"x": "1"}', "it does not fit the schema at $.x"),
        ('{"x": 1, "inner": 2}', "it does not fit the schema at $.inner"),
        ("{}", "it does not fit the schema at $"),
        ('{"x": NaN}', "it is not JSON (NaN is not JSON)"),
        ('{"x": 1e400}', "it is not JSON (a number is too large)"),
        ('Here: {"x": 1}', "it is not JSON (Expecting value: line 1 column 1 (char 0))"),
    ],
)
def test_json_is_judged_by_its_schema(answer: str, problem: str | None):
    assert JSON.problem(answer, "?") == problem


def test_json_in_a_fence_is_read_however_much_of_nothing_is_in_it():
    assert JSON_ANY.read('```json\n{"a": 1}\n```') == {"a": 1}
    assert JSON_ANY.problem("```" + "\n" * 200_000 + "```", "Why?")


def test_a_reference_that_leads_nowhere_is_said_where_a_value_leads_there():
    inner = {"$id": "urn:x", "$ref": "#/$defs/y"}  # resolved within the inner schema, which has no such part
    schema = {"$defs": {"x": inner, "y": {}}, "properties": {"n": {"$ref": "#/$defs/x"}}}
    rules = rules_of({"format": "json", "schema": schema})
    assert rules.problem('{"n": 1}', "Why?") == "its schema leads to a part that it has not"


def test_json_nested_without_end_is_no_answer_and_no_crash():
    for rules in (JSON, AnswerRules(AnswerFormat.JSON)):
        assert "not JSON" in (rules.problem("[" * 100_000, "?") or "")
    assert JSON.read("[" * 100_000) is None


def test_a_number_of_any_size_is_judged_without_a_failure():
    cents = AnswerRules(AnswerFormat.JSON, schema='{"properties": {"n": {"multipleOf": 0.01}}}')
    assert cents.problem('{"n": 0.05}', "?") is None
    assert cents.problem(f'{{"n": {"9" * 400}}}', "?") == "it has a number that is too large to be judged"
    for answer in ('{"n": 1e400}', '{"n": -1e400}'):
        assert cents.problem(answer, "?") == "it is not JSON (a number is too large)"
        assert cents.read(answer) is None


@pytest.mark.parametrize(
    "schema",
    [
        "{",
        '{"type": "nonsense"}',
        '{"$ref": "#/$defs/missing"}',
        '{"properties": {"x": {"$ref": "https://example.org/schema.json"}}}',
        '{"$ref": "file:///etc/passwd"}',
        '"text"',
        '{"properties": {"x": {"pattern": "(a+)+$"}}}',
        '{"items": {"patternProperties": {"(a|a)*$": {}}}}',
        '{"pattern": "a{99999999999}"}',
        json.dumps({"description": "x" * 5_000}),
    ],
)
def test_a_schema_that_cannot_judge_or_leads_elsewhere_is_refused(schema: str):
    with pytest.raises(InvalidInput, match="schema"):
        AnswerRules(AnswerFormat.JSON, schema=schema)


def patterned(pattern: str) -> AnswerRules:
    return AnswerRules(AnswerFormat.JSON, schema=json.dumps({"type": "string", "pattern": pattern}))


def test_no_answer_hangs_on_a_pattern():
    """Where it were taken, this would run for as long as the universe is old."""
    hanging = "the pattern .* could take too long .it repeats what can match in several ways"
    with pytest.raises(InvalidInput, match=hanging):
        patterned("(a+)+$").problem(json.dumps("a" * 40 + "b"), "Why?")
    plain = patterned("^a+$")
    assert plain.problem(json.dumps("a" * 40), "Why?") is None
    assert plain.problem(json.dumps("a" * 40 + "b"), "Why?") == "it does not fit the schema at $"


def test_a_word_limit_holds_for_any_text():
    three = AnswerRules(word_limit=3)
    assert three.problem("one two three", "?") is None
    assert three.problem("one two three four", "?") == "it has 4 words"
    assert AnswerRules(AnswerFormat.SAQ, word_limit=3).problem("one two three four", "?") == "it has 4 words"


def test_a_short_answer_says_something_and_free_text_may_be_anything():
    assert SAQ.problem("Salt.", "?") is None
    assert SAQ.problem(" ...\n", "?") == "it says nothing"
    assert not AnswerRules().constrain
    assert AnswerRules().problem("", "?") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"choices": "A"},
        {"choices": "AA"},
        {"choices": "ab"},
        {"format": "essay"},
        {"format": "mcq", "word_limit": 5},
        {"word_limit": -1},
        {"word_limit": 5_000},
        {"word_limit": "many"},
        {"schema": {"type": "object"}},
        {"max_retries": 6},
        {"max_retries": -1},
        {"max_retries": "two"},
        {"validation": "no"},
        {"stop": [""]},
        {"stop": ["a"] * 5},
        {"stop": ["x" * 41]},
        {"stop": ["a\x00"]},
        {"stop": ["\ud800"]},
        {"stop": 7},
        {"max_retries": 1.5},
        {"max_retries": True},
        {"word_limit": 2.0},
        {"retries": 1},
    ],
)
def test_rules_that_do_not_go_together_are_refused(wrong: dict[str, object]):
    with pytest.raises(InvalidInput):
        rules_of(wrong)


@pytest.mark.parametrize(
    "rules", [AnswerRules(), MCQ, SAQ, JSON, AnswerRules(stop=("\n", "END"), word_limit=9)]
)
def test_rules_come_back_from_what_is_stored_of_them(rules: AnswerRules):
    assert rules_of(json.loads(json.dumps(rules.as_record()))) == rules


def test_a_schema_may_be_an_object_and_a_stop_a_single_text():
    rules = rules_of({"format": "json", "schema": json.loads(POINT), "stop": "END"})
    assert json.loads(rules.schema) == json.loads(POINT)
    assert rules.stop == ("END",)


@given(st.text(max_size=40))
def test_whatever_a_model_writes_is_judged_without_a_failure(answer: str):
    for rules in (MCQ, SAQ, JSON, AnswerRules(word_limit=2)):
        problem = rules.problem(answer, CAPITAL)
        assert problem is None or problem


def test_the_model_is_told_the_format_after_the_template_and_its_braces_stay():
    question = Question("Why?", "physics", "student")
    plain, *_ = persona_messages(Persona(PersonaSlug("free"), "Free"), question)
    assert plain.content == "You are an expert in physics. You are answering a question for a student."
    told, *_ = persona_messages(Persona(PersonaSlug("point"), "Point", answers=JSON), question)
    assert told.content.startswith(f"{plain.content}\nAnswer with JSON and nothing else.")
    assert told.content.endswith(POINT)
    short, *_ = persona_messages(
        Persona(PersonaSlug("s"), "S", answers=AnswerRules(word_limit=100)), question
    )
    assert short.content == f"{plain.content}\nAnswer in at most 100 words."


def test_each_format_has_settings_and_a_gate_of_its_own():
    for rules in (MCQ, SAQ):
        settings = default_generation(rules)
        assert (settings.max_new_tokens, settings.min_new_tokens, settings.do_sample) == (64, 0, False)
    assert default_generation(AnswerRules()).min_new_tokens == 30
    assert default_generation(AnswerRules(word_limit=10)).min_new_tokens == 10
    judged = {rules.format: default_gate(rules).improves for rules in (MCQ, SAQ, JSON)}
    assert judged == {"mcq": "accuracy", "saq": "token_f1", "json": "exact_match"}
    asked = default_gate(AnswerRules(word_limit=9)).requirements
    metrics = [requirement.metric for requirement in asked]
    assert metrics[-1] == "format_validity"
    for rules in (MCQ, SAQ, JSON, AnswerRules()):
        kept = {requirement.metric for requirement in default_gate(rules).requirements}
        assert {"general_ability", "safety"} <= kept
