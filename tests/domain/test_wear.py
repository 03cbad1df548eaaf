"""Wear: items that many decisions rested on rest, as long as enough are left."""

from services.domain.wear import LEAST_ITEMS, WORN_AFTER, on_duty

FRESH = [f"fresh {number:03}" for number in range(LEAST_ITEMS)]
WORN = [f"worn {number:03}" for number in range(40)]


def test_worn_items_rest_where_enough_fresh_ones_are_there():
    uses = dict.fromkeys(WORN, WORN_AFTER) | dict.fromkeys(FRESH, WORN_AFTER - 1)
    assert on_duty([*WORN, *FRESH], uses) == set(FRESH)


def test_the_least_used_of_the_worn_fill_the_gap():
    uses = {key: WORN_AFTER + number for number, key in enumerate(WORN)}
    asked = on_duty([*WORN, *FRESH[10:]], uses)
    assert asked == {*WORN[:10], *FRESH[10:]}


def test_a_small_holdout_is_asked_whole_however_worn():
    assert on_duty(WORN, dict.fromkeys(WORN, 10 * WORN_AFTER)) == set(WORN)


def test_with_all_worn_every_item_has_its_turn():
    keys = [*FRESH, *WORN]
    uses = dict.fromkeys(keys, WORN_AFTER)
    for _ in range(len(keys)):
        for key in on_duty(keys, uses):
            uses[key] += 1
    counts = [uses[key] - WORN_AFTER for key in keys]
    assert max(counts) - min(counts) <= 1
