from datetime import timedelta

import pytest

from services.domain.conversation import Message, Question
from services.domain.examples import (
    DropReason,
    ExamplePolicy,
    Examples,
    FeedbackItem,
    Source,
    build_examples,
)
from services.domain.splits import Split
from services.errors.inputs import InvalidPolicy
from tests.builders import AT


def item(
    text: str,
    *,
    source: Source = Source.RATING,
    stars: int | None = 5,
    key: str = "a",
    split: Split = Split.TRAIN,
    minutes: int = 0,
) -> FeedbackItem:
    return FeedbackItem(
        source=source,
        source_id=f"{source.name}:{text}",
        question=Question(f"question {key}", "physics", "student"),
        prompt_key=key,
        split=split,
        text=text,
        stars=stars if source is Source.RATING else None,
        at=AT + timedelta(minutes=minutes),
    )


def count_words(_: tuple[Message, ...], completion: str) -> int:
    return len(completion.split())


def build(*items: FeedbackItem, max_tokens: int = 100) -> Examples:
    return build_examples(
        items,
        ExamplePolicy(),
        system_template="{domain} {audience}",
        max_tokens=max_tokens,
        count_tokens=count_words,
    )


def test_a_correction_beats_a_newer_rating_of_the_same_prompt():
    examples = build(item("corrected", source=Source.CORRECTION), item("rated", minutes=9))
    assert [row.completion for row in examples.rows] == ["corrected"]
    assert examples.dropped == {DropReason.SUPERSEDED: 1}


def test_the_newest_wins_among_equals_whatever_their_order():
    older, newer = item("older"), item("newer", minutes=1)
    assert build(older, newer).rows == build(newer, older).rows
    assert [row.completion for row in build(older, newer).rows] == ["newer"]


def test_a_seed_gives_way_to_anything_a_person_said():
    examples = build(item("seed", source=Source.SEED, minutes=9), item("rated"))
    assert [row.completion for row in examples.rows] == ["rated"]


@pytest.mark.parametrize(("stars", "kept"), [(1, 0), (3, 0), (4, 1), (5, 1)])
def test_only_high_stars_make_rows(stars: int, kept: int):
    examples = build(item("text", stars=stars))
    assert len(examples.rows) == kept
    assert examples.dropped.get(DropReason.LOW_RATING, 0) == 1 - kept


def test_held_out_prompts_become_references_and_never_rows():
    examples = build(item("kept back", split=Split.HOLDOUT), item("learnt", key="b"))
    assert [row.completion for row in examples.rows] == ["learnt"]
    assert [row.completion for row in examples.held_out] == ["kept back"]


def test_rows_over_the_context_are_dropped_and_counted_not_cut():
    examples = build(item("one two three"), item("one", key="b"), max_tokens=2)
    assert [row.completion for row in examples.rows] == ["one"]
    assert examples.dropped == {DropReason.TOO_LONG: 1}


def test_every_item_is_accounted_for():
    items = [
        item("a"), item("b", minutes=1), item("c", stars=2), item("d", key="d", split=Split.HOLDOUT),
        item("e e e", key="e"), item("f", key="f"),
    ]  # fmt: skip
    examples = build(*items, max_tokens=2)
    assert len(examples.rows) + sum(examples.dropped.values()) == len(items)


def test_rows_stand_in_the_order_of_their_keys():
    examples = build(item("second", key="b"), item("first", key="a"))
    assert [row.item.prompt_key for row in examples.rows] == ["a", "b"]


@pytest.mark.parametrize("wrong", [{"min_stars": 0}, {"holdout_percent": 0}, {"minimum_rows": 0}])
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, int]):
    with pytest.raises(InvalidPolicy):
        ExamplePolicy(**wrong)
