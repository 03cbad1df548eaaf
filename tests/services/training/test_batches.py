"""Rows of similar length share a batch, each comes once an epoch, and the order can be repeated."""

from types import SimpleNamespace

import pytest

from services.training.batches import LENGTH, LengthBatches, SimilarLengths

LENGTHS = [(index * 37) % 101 + 10 for index in range(203)]
BATCH = 8


def order(epoch: int = 0, *, lengths: list[int] = LENGTHS, seed: int = 42) -> list[int]:
    sampler = SimilarLengths(lengths, batch_size=BATCH, seed=seed)
    sampler.set_epoch(epoch)
    return list(sampler)


def padding(rows: list[int]) -> float:
    """Tokens of the padded batches over tokens of their rows."""
    batches = [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]
    padded = sum(len(batch) * max(LENGTHS[row] for row in batch) for batch in batches)
    return padded / sum(LENGTHS)


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 64, 65, 203])
def test_every_row_comes_once_an_epoch(rows):
    assert sorted(order(lengths=LENGTHS[:rows])) == list(range(rows))


def test_little_of_a_batch_is_padding():
    assert padding(list(range(len(LENGTHS)))) > 1.5
    assert padding(order()) < 1.15


def test_batches_do_not_come_by_length():
    """Else an epoch would end with its longest rows alone."""
    rows = order()
    longest = [max(LENGTHS[row] for row in rows[at : at + BATCH]) for at in range(0, 192, BATCH)]
    assert longest not in (sorted(longest), sorted(longest, reverse=True))


def test_seed_and_epoch_alone_decide():
    assert order(3) == order(3)
    assert order(3) != order(4)
    assert order(3) != order(3, seed=7)


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_smaller_batches_make_up_the_same_steps(batch):
    """A training that has to take smaller batches goes on in the middle of an epoch."""
    assert steps(batch) == steps(BATCH)


def steps(batch: int) -> list[set[int]]:
    """The rows of each optimiser step, BATCH of them, where a trainer takes `batch` at once."""
    arguments = SimpleNamespace(
        per_device_train_batch_size=batch, gradient_accumulation_steps=BATCH // batch, seed=42
    )
    trainer = SimpleNamespace(train_dataset={LENGTH: LENGTHS}, args=arguments)
    rows = list(LengthBatches._get_train_sampler(trainer))
    return [set(rows[at : at + BATCH]) for at in range(0, len(rows), BATCH)]
