"""Rows of similar length go through the model together, so that little of a batch is padding (torch).

Rows are shuffled, a pool of several steps is sorted by length and cut into steps, and those are shuffled
again: no part of an epoch has the long rows alone, and every epoch mixes anew. The order follows from seed,
epoch and the rows of an optimiser step, whose number stays when memory runs out and the batches of a step get
smaller: a resumed epoch goes on with the rows it had not seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset
from torch.utils.data import Sampler
from transformers import Trainer as LibraryTrainer

LENGTH = "length"  # the column of a trainer's rows, in tokens
_POOL = 8  # steps that are sorted together


class SimilarLengths(Sampler[int]):
    """`batch_size` is of a whole optimiser step, of which each smaller batch is a part of similar length."""

    def __init__(self, lengths: Sequence[int], *, batch_size: int, seed: int) -> None:
        self._lengths = np.asarray(lengths)
        self._batch_size, self._seed, self._epoch = batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the library before each epoch, also before one that is resumed."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self._seed, self._epoch))
        order = random.permutation(len(self._lengths))
        pool = _POOL * self._batch_size
        batches = []
        for first in range(0, len(order), pool):
            rows = order[first : first + pool]
            rows = rows[np.argsort(self._lengths[rows], kind="stable")]
            batches += [rows[at : at + self._batch_size] for at in range(0, len(rows), self._batch_size)]
        # What is left over stays last: a smaller batch anywhere else would shift the rows of all after it.
        whole = len(batches) - (len(batches[-1]) < self._batch_size)
        for batch in [*random.permutation(whole), *range(whole, len(batches))]:
            yield from batches[batch].tolist()


class LengthBatches(LibraryTrainer):  # type: ignore[misc]
    """Stands before a trainer of the library in the bases of ours; its rows have a LENGTH."""

    def _get_train_sampler(self, _: Dataset | None = None) -> SimilarLengths:
        return SimilarLengths(
            self.train_dataset[LENGTH],
            batch_size=self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps,
            seed=self.args.seed,
        )

    def floating_point_ops(self, _: Mapping[str, Any]) -> int:
        """None: nobody reads the count, and for it the library walks all parameters in every step."""
        return 0
