"""Tells who listens to a row of a batch its tokens while they come (torch).

What they spell, and who hears it, is the listener's.
"""

from collections.abc import Callable, Sequence

import torch
from transformers import StoppingCriteria

Listener = Callable[[Sequence[int]], bool]  # told a row's new tokens after each step; false for enough


class RowWiseTelling(StoppingCriteria):  # type: ignore[misc]  # an untyped library
    """Tells listeners of their rows; a row is done when its listener has enough."""

    def __init__(self, listeners: Sequence[Listener | None], *, width: int) -> None:
        self._listeners, self._width = listeners, width
        self._done = [False] * len(listeners)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        for row, listener in enumerate(self._listeners):
            if listener is not None and not self._done[row]:
                self._done[row] = not listener(input_ids[row, self._width :].tolist())
        # A row that was doubled for the kernels' sake is done with its twin.
        rows = len(self._listeners)
        done = [self._done[row % rows] for row in range(input_ids.shape[0])]
        return torch.tensor(done, device=input_ids.device)
