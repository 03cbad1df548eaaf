from hypothesis import given
from hypothesis import strategies as st

from services.domain.conversation import Question
from services.domain.personas import PersonaSlug
from services.domain.splits import Split, assign_split, prompt_key, split_key

PIRATE = PersonaSlug("pirate")


def test_about_the_wanted_share_is_held_out():
    keys = (split_key(Question(str(number), "physics", "student")) for number in range(20_000))
    splits = [assign_split(PIRATE, key, holdout_percent=15) for key in keys]
    assert 0.14 < splits.count(Split.HOLDOUT) / len(splits) < 0.16


def test_a_split_is_the_same_for_ever():
    drawn = [assign_split(PIRATE, f"key {number}", holdout_percent=15) for number in range(12)]
    held_out = [number for number, split in enumerate(drawn) if split is Split.HOLDOUT]
    assert held_out == [0, 2]


@given(st.text(), st.text())
def test_case_and_white_space_do_not_make_another_prompt(text: str, context: str):
    plain = Question(text, "physics", "student", context)
    shouted = Question(f"  {text} ", "Physics", "STUDENT", f"{context}\n")
    assert prompt_key(plain) == prompt_key(shouted)


def test_another_audience_is_another_prompt_on_the_same_side_of_the_split():
    for_student = Question("Why?", "physics", "student")
    for_scientist = Question("Why?", "physics", "scientist")
    assert prompt_key(for_student) != prompt_key(for_scientist)
    assert split_key(for_student) == split_key(for_scientist)


def test_fields_cannot_be_shifted_into_each_other():
    assert prompt_key(Question("a", "b", "c", "d")) != prompt_key(Question("a b", "", "c", "d"))


def test_fields_that_give_the_model_one_text_are_one_prompt():
    in_context = Question("Q0", "physics", "student", "C\n\nQuestion:\nWhy?")
    in_question = Question("Why?\n\nQuestion:\nQ0", "physics", "student", "C")
    assert split_key(in_context) == split_key(in_question)
    assert prompt_key(in_context) == prompt_key(in_question)


def test_invisible_characters_make_no_other_prompt():
    seen = Question("Why is it so?", "physics", "student")
    hidden = Question("Why\u200b is \ufeffit so?", "physics", "student")
    assert split_key(hidden) == split_key(seen)
