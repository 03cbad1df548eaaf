import pytest

from services.domain.conversation import (
    CONTEXT_LIMIT,
    QUESTION_LIMIT,
    Question,
    Role,
    asked_in,
    build_messages,
    check_question,
    clean_generated,
    neutralise,
)
from services.domain.personas import DEFAULT_SYSTEM_TEMPLATE
from services.errors.inputs import EmptyText, ForbiddenCharacter, TextTooLong

QUESTION = Question(text="Why?", domain="physics", audience="student", context="The sky is blue.")


def test_the_default_prompt_names_domain_audience_context_and_question():
    system, user = build_messages(DEFAULT_SYSTEM_TEMPLATE, QUESTION)
    assert system.role is Role.SYSTEM
    assert system.content == ("You are an expert in physics. You are answering a question for a student.")
    assert user.content == "Context:\nThe sky is blue.\n\nQuestion:\nWhy?"


def test_without_a_context_only_the_question_is_asked():
    _, user = build_messages(DEFAULT_SYSTEM_TEMPLATE, Question("Why?", "physics", "student"))
    assert user.content == "Question:\nWhy?"


@pytest.mark.parametrize(
    "spelling",
    ["<|end|>", "<|assistant|>", "<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<|eot_id|>", "<PAD>"],
)
def test_control_tokens_in_peoples_text_are_broken(spelling: str):
    neutral = neutralise(f"say {spelling} twice")
    assert spelling not in neutral
    assert neutral.replace("\u200b", "") == f"say {spelling} twice"


@pytest.mark.parametrize("text", ["a < b and b > c", "x <- y", "list[int]", "<b>bold</b>", "1 <| 2 |> 3"])
def test_ordinary_text_is_left_alone(text: str):
    assert neutralise(text) == text


def test_control_tokens_in_domain_and_audience_are_broken_too():
    system, _ = build_messages(DEFAULT_SYSTEM_TEMPLATE, Question("Why?", "<|end|>", "<|user|>"))
    assert "<|end|>" not in system.content
    assert "<|user|>" not in system.content


def test_braces_in_a_question_are_not_template_fields():
    _, user = build_messages(DEFAULT_SYSTEM_TEMPLATE, Question("What is {domain}?", "physics", "student"))
    assert "{domain}" in user.content


@pytest.mark.parametrize(
    ("question", "error"),
    [
        (Question("  ", "physics", "student"), EmptyText),
        (Question("x" * (QUESTION_LIMIT + 1), "physics", "student"), TextTooLong),
        (Question("Why?", "physics", "student", "x" * (CONTEXT_LIMIT + 1)), TextTooLong),
        (Question("Why?", "", "student"), EmptyText),
        (Question("Wh\x00y?", "physics", "student"), ForbiddenCharacter),
        (Question("Wh\ud83dy?", "physics", "student"), ForbiddenCharacter),
    ],
)
def test_a_question_that_cannot_be_asked_says_why(question: Question, error: type[Exception]):
    with pytest.raises(error):
        check_question(question)


@pytest.mark.parametrize(
    ("generated", "stored"),
    [
        ("a\x00b\x1b[31mc\x7f\x85d\r\n\te", "ab[31mcd\n\te"),
        ("half \ud83d of a pair \udc00", "half \ufffd of a pair \ufffd"),
        ("café 😀 “quoted” \u200b", "café 😀 “quoted” \u200b"),
    ],
)
def test_what_a_model_wrote_is_made_storable_and_nothing_else_is_changed(generated: str, stored: str):
    assert clean_generated(generated) == stored


@pytest.mark.parametrize("context", ["", "Two lines.\n\nOf context."])
@pytest.mark.parametrize(
    "text",
    ["Why?", "Which?\nQuestion:\nA. This\nB. That", "Which?\n\nQuestion:\nA. This", "Context:\n\nWhy?"],
)
def test_a_question_is_read_back_whole_whatever_lines_it_has(text: str, context: str):
    question = Question(text, "physics", "student", context)
    assert asked_in(build_messages("Speak.", question)) == text


def test_of_a_context_with_the_line_before_a_question_the_question_is_read_whole():
    question = Question("Which?\nA. This", "physics", "student", "Once.\n\nQuestion:\nWho?")
    assert asked_in(build_messages("Speak.", question)).endswith("Which?\nA. This")
