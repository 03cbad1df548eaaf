"""What each signal is good for: one test a rule, and that every source is accounted for whatever was said."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.conversation import Question
from services.domain.example_policy import ExamplePolicy
from services.domain.examples import DropReason, Example, Kind, PromptExamples, examples_of, read_alike
from services.domain.feedback import BLEMISHES, FAULTS, Reason
from services.domain.signals import Correction, Preference, PromptFeedback, RatedAnswer, Seed
from services.domain.splits import Split
from tests.builders import AT

POLICY = ExamplePolicy()


def answer(
    text: str = "It scatters.",
    *,
    good: float = 0.5,
    poor: float = 0.3,
    good_raters: int = 1,
    raters: int = 2,
    reasons: frozenset[Reason] = frozenset(),
) -> RatedAnswer:
    return RatedAnswer(
        answer_id=text,
        text=text,
        good=good,
        poor=poor,
        good_raters=good_raters,
        raters=tuple(range(raters)),
        opinions=tuple(f"rating:{text}-{rater}" for rater in range(raters)),
        reasons=reasons,
    )


GOOD = answer(good=0.9, poor=0.05, good_raters=2)
POOR = answer("Because.", good=0.05, poor=0.9, good_raters=0)


def correction(
    text: str, *, of: str = "It scatters.", reliability: float = 0.8, minutes: int = 0
) -> Correction:
    return Correction(f"correction:{text}", of, text, 1, reliability, AT + timedelta(minutes=minutes))


def preference(
    chosen: str, rejected: str, *, number: int = 1, reliability: float = 0.8, ordered: bool = True
) -> Preference:
    return Preference(f"comparison:{number}", chosen, rejected, number, reliability, ordered)


def seed(text: str, *, minutes: int = 0) -> Seed:
    return Seed(f"seed:{text}", text, AT + timedelta(minutes=minutes))


def prompt(*said: RatedAnswer | Correction | Preference | Seed, split: Split = Split.TRAIN) -> PromptFeedback:
    return PromptFeedback(
        Question("Why is the sky blue?", "physics", "student"),
        "key",
        split,
        answers=tuple(one for one in said if isinstance(one, RatedAnswer)),
        corrections=tuple(one for one in said if isinstance(one, Correction)),
        preferences=tuple(one for one in said if isinstance(one, Preference)),
        seeds=tuple(one for one in said if isinstance(one, Seed)),
    )


def made_of(
    *said: RatedAnswer | Correction | Preference | Seed, policy: ExamplePolicy = POLICY
) -> PromptExamples:
    return examples_of(prompt(*said), policy)


def of_kind(kind: Kind, found: PromptExamples) -> list[Example]:
    return [example for example in found.examples if example.kind is kind]


def demonstrated(*said: RatedAnswer | Correction | Preference | Seed) -> list[str]:
    return [example.text for example in of_kind(Kind.DEMONSTRATION, made_of(*said))]


def ordered(*said: RatedAnswer | Correction | Preference | Seed) -> list[tuple[str, str]]:
    return [(example.text, example.rejected) for example in of_kind(Kind.PAIR, made_of(*said))]


def reasons(found: PromptExamples) -> Counter[DropReason]:
    return Counter(chain.from_iterable([one.reason] * len(one.sources) for one in found.dropped))


def test_a_correction_gives_a_demonstration_and_a_pair_above_the_answer():
    found = made_of(correction("Arr, it scatters!"))
    (pair,) = of_kind(Kind.PAIR, found)
    (demonstration,) = of_kind(Kind.DEMONSTRATION, found)
    assert (pair.text, pair.rejected) == ("Arr, it scatters!", "It scatters.")
    assert demonstration.text == "Arr, it scatters!"
    assert pair.sources == demonstration.sources == ("correction:Arr, it scatters!",)


def test_a_correction_that_reads_like_the_answer_gives_neither():
    found = made_of(correction(" It\u200b  scatters.\n"))
    assert found.examples == []
    assert reasons(found) == {DropReason.SAME_TEXT: 1}


def test_a_comparison_gives_a_pair_and_no_demonstration():
    found = made_of(preference("A", "B"))
    assert [(one.kind, one.text, one.rejected) for one in found.examples] == [(Kind.PAIR, "A", "B")]


def test_a_tie_orders_nothing():
    found = made_of(preference("A", "B", ordered=False))
    assert found.examples == []
    assert reasons(found) == {DropReason.NO_ORDER: 1}


def test_agreeing_high_stars_give_a_demonstration():
    (demonstration,) = of_kind(Kind.DEMONSTRATION, made_of(GOOD))
    assert demonstration.text == GOOD.text
    assert demonstration.sources == GOOD.opinions
    assert demonstration.raters == GOOD.raters


@pytest.mark.parametrize("doubt", [replace(GOOD, good_raters=1), replace(GOOD, good=0.74)])
def test_high_stars_without_agreement_give_none(doubt: RatedAnswer):
    found = made_of(doubt)
    assert of_kind(Kind.DEMONSTRATION, found) == []
    assert reasons(found) == {DropReason.NOT_AGREED: 2}


@pytest.mark.parametrize("lone", [answer(good=0.6, poor=0.3, raters=1), answer(good=0.2, poor=0.7, raters=1)])
def test_a_lone_opinion_gives_an_unpaired_example(lone: RatedAnswer):
    (unpaired,) = of_kind(Kind.UNPAIRED, made_of(lone))
    assert (unpaired.text, unpaired.label) == (lone.text, lone.good > lone.poor)
    assert unpaired.sources == lone.opinions


def test_what_the_raters_cannot_agree_on_gives_nothing():
    found = made_of(answer(good=0.45, poor=0.45, good_raters=0))
    assert found.examples == []
    assert reasons(found) == {DropReason.UNDECIDED: 2}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_keeps_an_answer_out_however_many_stars_it_has(fault: Reason):
    praised = replace(GOOD, good=0.99, good_raters=50, raters=tuple(range(50)), reasons=frozenset({fault}))
    found = made_of(praised)
    assert found.examples == [], "neither learnt from nor, for one person's tag, unlearnt"
    assert reasons(found) == {DropReason.FAULTY: 2}


def test_a_faulty_answer_that_is_poor_by_consensus_is_undesirable():
    found = made_of(replace(POOR, reasons=frozenset({Reason.WRONG_FACT})))
    assert [(one.kind, one.label) for one in found.examples] == [(Kind.UNPAIRED, False)]


@pytest.mark.parametrize("blemish", sorted(BLEMISHES))
def test_what_is_right_but_no_model_is_desirable_and_no_demonstration(blemish: Reason):
    found = made_of(replace(GOOD, reasons=frozenset({blemish, Reason.GREAT})))
    assert [(one.kind, one.label) for one in found.examples] == [(Kind.UNPAIRED, True)]


def test_a_correction_of_a_faulty_answer_is_still_learnt():
    assert demonstrated(replace(GOOD, reasons=frozenset({Reason.WRONG_FACT})), correction("Better.")) == [
        "Better."
    ]


def test_a_correction_beats_an_agreed_answer_beats_a_seed():
    assert demonstrated(seed("Seed.", minutes=9), GOOD, correction("Corrected.")) == ["Corrected."]
    assert demonstrated(seed("Seed.", minutes=9), GOOD) == [GOOD.text]
    assert demonstrated(seed("Old."), seed("New.", minutes=1)) == ["New."]


def test_the_more_reliable_correction_wins_and_then_the_newest():
    trusted, doubted = correction("A.", reliability=0.9), correction("B.", reliability=0.5, minutes=9)
    assert demonstrated(trusted, doubted) == demonstrated(doubted, trusted) == ["A."]
    # A difference that says little leaves it to the newest word.
    older, newer = correction("A.", reliability=0.83), correction("B.", reliability=0.81, minutes=9)
    assert demonstrated(older, newer) == demonstrated(newer, older) == ["B."]


def test_the_surer_answer_wins():
    surer = replace(GOOD, answer_id="z", text="Surer.", good=0.95)
    assert demonstrated(GOOD, surer) == demonstrated(surer, GOOD) == ["Surer."]


def test_contradictory_pairs_of_equal_support_cancel():
    found = made_of(preference("A", "B", number=1), preference("B", "A", number=2))
    assert found.examples == []
    assert reasons(found) == {DropReason.CONTRADICTED: 2}


def test_of_contradictory_pairs_the_better_supported_stays():
    three = [
        preference("A", "B", number=1),
        preference("A", "B", number=2),
        preference("B", "A", number=3),
    ]
    found = made_of(*three)
    (pair,) = of_kind(Kind.PAIR, found)
    assert (pair.text, pair.sources, pair.raters) == ("A", ("comparison:1", "comparison:2"), (1, 2))
    assert reasons(found) == {DropReason.CONTRADICTED: 1}
    assert ordered(
        preference("A", "B", reliability=0.4), preference("B", "A", reliability=0.9, number=2)
    ) == [("B", "A")]


def test_pairs_that_say_the_same_are_one_pair_of_several_sources():
    (pair,) = made_of(preference("A", "B", number=1), preference("A", "B", number=2)).examples
    assert pair.sources == ("comparison:1", "comparison:2")


@pytest.mark.parametrize("same", ["It  scatters.", "It scatters.\u200b", "\u202bIt scatters.\ufeff"])
def test_a_pair_of_texts_that_read_alike_is_none(same: str):
    found = made_of(preference("It scatters.", same))
    assert found.examples == []
    assert reasons(found) == {DropReason.SAME_TEXT: 1}


def test_joiners_are_seen_and_so_are_capitals():
    assert not read_alike("می‌خواهم", "میخواهم")
    assert not read_alike("Arr", "ARR")


def test_a_prompt_gives_no_more_pairs_and_answers_than_the_policy_allows():
    policy = ExamplePolicy(pairs_per_prompt=2, answers_per_prompt=3)
    pairs = [preference(f"A{number}", "B", number=number) for number in range(5)]
    supported = [preference("A4", "B", number=9)]
    answers = [
        replace(POOR, answer_id=f"{number}", text=f"{number}", poor=0.6 + number / 20) for number in range(5)
    ]
    found = made_of(*pairs, *supported, *answers, policy=policy)
    assert [one.text for one in of_kind(Kind.PAIR, found)] == ["A4", "A0"]
    assert [one.text for one in of_kind(Kind.UNPAIRED, found)] == ["4", "3", "2"]
    assert reasons(found) == {DropReason.TOO_MANY_PAIRS: 3, DropReason.TOO_MANY_UNPAIRED: 4}


def test_a_held_out_prompt_gives_what_judges_and_nothing_to_learn():
    said = prompt(GOOD, POOR, preference("A", "B"), correction("Corrected."), split=Split.HOLDOUT)
    found = examples_of(said, POLICY)
    assert [(one.kind, one.text, one.rejected) for one in found.examples] == [
        (Kind.PAIR, "A", "B"),
        (Kind.DEMONSTRATION, "Corrected.", ""),
    ]
    assert reasons(found) == {DropReason.HELD_OUT: 2, DropReason.SUPERSEDED: 2}


TEXTS = st.sampled_from(["A", "B", "C ", "C"])
CHANCES = st.floats(0, 1)
ANSWERS = st.lists(
    st.builds(
        answer,
        TEXTS,
        good=CHANCES,
        poor=CHANCES,
        good_raters=st.integers(0, 3),
        raters=st.integers(0, 3),
        reasons=st.frozensets(st.sampled_from(list(Reason)), max_size=2),
    ),
    unique_by=lambda one: one.text,
)
CORRECTIONS = st.lists(
    st.builds(correction, TEXTS, of=TEXTS, reliability=CHANCES), unique_by=lambda one: one.source
)
PREFERENCES = st.lists(
    st.builds(
        preference, TEXTS, TEXTS, number=st.integers(0, 50), reliability=CHANCES, ordered=st.booleans()
    ),
    unique_by=lambda one: one.source,
)
SEEDS = st.lists(st.builds(seed, TEXTS), unique_by=lambda one: one.source)


@given(ANSWERS, CORRECTIONS, PREFERENCES, SEEDS, st.sampled_from(list(Split)))
def test_every_source_is_in_an_example_or_dropped_with_a_reason(
    answers: list[RatedAnswer],
    corrections: list[Correction],
    preferences: list[Preference],
    seeds: list[Seed],
    split: Split,
):
    found = examples_of(prompt(*answers, *corrections, *preferences, *seeds, split=split), POLICY)
    said = {source for one in answers for source in one.opinions}
    said |= {one.source for one in corrections} | {one.source for one in preferences}
    said |= {one.source for one in seeds}
    named = [*(one.sources for one in found.examples), *(one.sources for one in found.dropped)]
    assert set(chain.from_iterable(named)) == said
    for example in found.examples:
        assert not read_alike(example.text, example.rejected)
