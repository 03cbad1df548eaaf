"""Half precision follows the device: bf16, which has the range of fp32, wherever the hardware knows it."""

import pytest

from services.domain.training import HalfPrecision
from services.language_model.machine import half_precision_of

pytestmark = pytest.mark.slow  # imports torch


@pytest.mark.parametrize(
    ("machine", "capability", "wanted"),
    [
        ("CPU", None, HalfPrecision.BF16),
        ("V100", (7, 0), HalfPrecision.FP16),
        ("T4", (7, 5), HalfPrecision.FP16),
        ("A100", (8, 0), HalfPrecision.BF16),
        ("RTX 4090", (8, 9), HalfPrecision.BF16),
        ("H200", (9, 0), HalfPrecision.BF16),
        ("B200", (10, 0), HalfPrecision.BF16),
    ],
)
def test_half_precision_is_bf16_where_the_device_has_it(machine, capability, wanted):
    assert half_precision_of(capability) is wanted, machine
