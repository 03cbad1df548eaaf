"""Class weights keep desirable and undesirable answers between 1:1 and 4:3, and none below one."""

import pytest

from services.training.class_weights import class_weights


@pytest.mark.parametrize(("desirable", "undesirable"), [(1, 1), (1, 99), (99, 1), (30, 10), (10, 30), (8, 7)])
@pytest.mark.parametrize("ratio", [1.0, 1.2, 4 / 3])
def test_the_classes_weigh_what_the_ratio_says(desirable, undesirable, ratio):
    weights = class_weights(desirable=desirable, undesirable=undesirable, ratio=ratio)

    assert desirable * weights.desirable / (undesirable * weights.undesirable) == pytest.approx(ratio)
    assert min(weights.desirable, weights.undesirable) == 1
