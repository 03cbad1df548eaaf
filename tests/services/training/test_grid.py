"""A grid is read as a person writes it; one that cannot be tried is refused with a sentence."""

import pytest

from services.errors.inputs import InvalidGrid
from services.training.grid import Axis, read_grid


def test_every_value_meets_every_other():
    grid = read_grid(["lora.r=8,32", "training.epochs=1.0", "training.learning_rate=1e-4,2e-4"])
    assert grid.combinations() == [
        ("lora.r=8", "training.epochs=1.0", "training.learning_rate=0.0001"),
        ("lora.r=8", "training.epochs=1.0", "training.learning_rate=0.0002"),
        ("lora.r=32", "training.epochs=1.0", "training.learning_rate=0.0001"),
        ("lora.r=32", "training.epochs=1.0", "training.learning_rate=0.0002"),
    ]
    assert [axis.key for axis in grid.swept] == ["lora.r", "training.learning_rate"]


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("lora=attention,embedded", Axis("lora", ("attention", "embedded"))),
        (
            "lora.target_modules=[q_proj,v_proj],[all-linear]",
            Axis("lora.target_modules", ("[q_proj,v_proj]", "[all-linear]")),
        ),
        (
            "training.gradient_checkpointing=true,false",
            Axis("training.gradient_checkpointing", ("True", "False")),
        ),
        ("lora.r=range(1,4)", Axis("lora.r", ("1", "2", "3"))),
    ],
)
def test_values_may_be_groups_lists_and_ranges(text: str, axis: Axis):
    assert read_grid([text]).axes == (axis,)


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ([], "nothing to compare"),
        (["lora.r=8"], "nothing to compare"),
        (["lora.r"], "lora.r=8,32,64"),
        (["lora.r="], "lora.r has no value"),
        (["lora.r=8,"], "cannot be read"),
        (["+lora.r=8,16"], "cannot be read"),
        (["lora.r=interval(1,2)"], "one by one"),
        (["lora.r=glob(*)"], "one by one"),
        (["lora.r=8,16,8"], "lora.r has one value twice"),
        (["lora.r=8,16", "lora.r=32,64"], "stands in it twice"),
        (["lora.r=range(1,6)", "lora.alpha=range(1,6)"], "more than 24 combinations"),
        (["lora.r=range(1,10000000000)"], "more than 24 combinations"),
        (["lora.r=shuffle(range(1,10000000000))"], "one by one"),
    ],
)
def test_a_grid_that_cannot_be_tried_is_refused(texts: list[str], sentence: str):
    with pytest.raises(InvalidGrid, match="This grid cannot be tried") as refused:
        read_grid(texts)
    assert sentence in str(refused.value)
