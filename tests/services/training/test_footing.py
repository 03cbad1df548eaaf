"""Steps down when memory runs out: the batch first, then kept activations, then the longest rows."""

import pytest

from services.domain.training import Objective
from services.training.footing import (
    Footing,
    first_footing,
    next_footing,
    read_footing,
    write_footing,
)
from services.training.recipe import compose_recipe

LENGTHS = [*range(10, 90, 10), 100, 100]


def steps_down(footing, smallest_batch=1):
    while footing is not None:
        yield footing
        footing = next_footing(footing, lengths=LENGTHS, smallest_batch=smallest_batch)


def test_the_batch_is_halved_while_a_step_keeps_its_rows():
    taken = list(steps_down(Footing(8, 2, checkpointing=True, length=20)))

    assert [(one.batch_size, one.accumulation) for one in taken] == [(8, 2), (4, 4), (2, 8), (1, 16)]
    assert taken[-1].concessions[0] == "batch 8 x 2 became 4 x 4"


@pytest.mark.parametrize(("batch", "smaller"), [(3, 1), (6, 3), (12, 6), (9, 3), (5, 1)])
def test_an_odd_batch_keeps_its_rows_too(batch, smaller):
    lower = next_footing(Footing(batch, 1, checkpointing=False, length=9), lengths=[9], smallest_batch=1)

    assert (lower.batch_size, lower.batch_size * lower.accumulation) == (smaller, batch)


def test_activations_go_before_rows_and_rows_until_half_are_left():
    _, recomputed, *shorter = steps_down(Footing(1, 1, checkpointing=False, length=100))

    assert recomputed.checkpointing
    assert [one.length for one in shorter] == [80, 60]
    assert shorter[-1].concessions == (
        "activations are computed again, not kept",
        "2 rows of more than 80 tokens were left out",
        "4 rows of more than 60 tokens were left out",
    )


def test_rows_of_one_length_are_not_left_out():
    footing = Footing(1, 1, checkpointing=True, length=40)

    assert next_footing(footing, lengths=[40] * 9, smallest_batch=1) is None
    assert next_footing(footing, lengths=[40], smallest_batch=1) is None


def test_a_batch_of_answers_that_are_compared_is_never_one():
    taken = list(steps_down(Footing(4, 1, checkpointing=True, length=10), smallest_batch=2))
    recipe = compose_recipe(
        "default",
        ["training.batch_size=1", "training.gradient_accumulation_steps=8"],
        base_model="b",
        base_revision="r",
    )

    assert [one.batch_size for one in taken] == [4, 2]
    assert first_footing(recipe, Objective.KTO, longest=9) == Footing(2, 4, checkpointing=True, length=9)
    assert first_footing(recipe, Objective.DPO, longest=9) == Footing(1, 8, checkpointing=True, length=9)


def test_what_an_attempt_came_down_to_is_read_by_the_next(tmp_path):
    footing = Footing(2, 4, checkpointing=False, length=64, concessions=("a", "b"))

    assert read_footing(tmp_path) is None
    write_footing(footing, tmp_path)
    assert read_footing(tmp_path) == footing
