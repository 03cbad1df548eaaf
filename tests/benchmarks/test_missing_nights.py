"""A night that did not come about misses its bar, and the others are still told of."""

import pytest

from benchmarks.qa_feedback import CONTROL, SHORT, WHOLE, _rows
from benchmarks.truthfulqa import CONTROLS, FOLDS, KINDS, _accuracy_rows, _cost_rows, _fold_rows

FEW = "qa-whole: no DPO: 6 pairs, and 50 are needed"


@pytest.mark.parametrize(
    ("what", "reason", "met"),
    [
        (WHOLE, FEW, True),
        (WHOLE, "qa-whole: 0 new pieces of feedback, and 1 are needed", False),
        (SHORT, FEW, False),
        (CONTROL, FEW, False),
    ],
)
def test_only_the_file_as_given_may_have_too_few_pairs(what, reason, met):
    assert [row.met for row in _rows(what, reason)] == [met]


@pytest.mark.parametrize("kind", CONTROLS)
def test_folds_without_a_night_are_told_of(kind):
    none = {kind: {} for kind in KINDS}
    rows = [*_accuracy_rows(kind, none), *_fold_rows(kind, none), *_cost_rows(none)]

    assert not any(row.met for row in rows)
    assert [row.ours for row in rows if ": fold " in row.what] == ["no night"] * FOLDS
