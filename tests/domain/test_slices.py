import numpy as np
import pytest

from services.domain.slices import OTHER, judged_slices


@pytest.mark.parametrize(
    ("strata", "found"),
    [
        ({"a": 75, "b": 75, "c": 75, "d": 75}, {"a": 75, "b": 75, "c": 75, "d": 75}),
        ({"a": 200, "b": 60, "c": 40}, {"a": 200, OTHER: 100}),
        ({"a": 160, "b": 90, "c": 50}, {"a": 160, "b": 90, OTHER: 50}),
        ({"a": 100, "b": 74}, {"a": 100, OTHER: 74}),
        ({"a": 74}, {OTHER: 74}),
        ({"a": 300}, {"a": 300}),
        (dict.fromkeys("abcdef", 75), dict.fromkeys("abcdef", 75)),  # 450 items have room for six
        ({"a": 80, "b": 79, "c": 78, "d": 77, "e": 6}, {"a": 80, "b": 79, "c": 78, OTHER: 83}),
        ({"a": 75, "b": 74}, {OTHER: 149}),  # 149 items have room for one
    ],
)
def test_slices_too_small_to_tell_count_together(strata: dict[str, int], found: dict[str, int]):
    names = [name for name, count in strata.items() for _ in range(count)]
    masks = judged_slices(names, np.ones(len(names), bool), least_items=75, slices_per_300=4)
    assert {name: int(mask.sum()) for name, mask in masks.items()} == found
    assert np.sum(list(masks.values()), axis=0).tolist() == [1] * len(names)


def test_what_is_not_measured_is_in_no_slice():
    names = ["a"] * 100 + ["b"] * 100
    measured = np.arange(200) % 2 == 0
    masks = judged_slices(names, measured, least_items=50, slices_per_300=6)
    assert {name: int(mask.sum()) for name, mask in masks.items()} == {"a": 50, "b": 50}
    assert not any((mask & ~measured).any() for mask in masks.values())
