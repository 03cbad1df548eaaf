"""Stop strings: texts before which an answer ends, each row of a batch with its own (torch).

Tokens do not begin and end where such a text does, so it is looked for in what they spell, and the answer is
cut there. As in vLLM, what a row says before its minimum length is over stops nothing.
"""

from collections.abc import Callable, Sequence

import torch
from transformers import StoppingCriteria

Decode = Callable[[Sequence[int]], str]

_HALF_A_CHARACTER = "\ufffd"  # what a decoder writes for bytes whose rest is still to come
_SLACK = 8  # tokens that spell nothing, or only a part of a character


class RowWiseStop(StoppingCriteria):  # type: ignore[misc]  # an untyped library
    """A row is done when its newest token completes one of its stop strings; `lengths` remembers where.

    `stops` and `least` are each row's stop strings and minimum of new tokens, `width` that of the prompts.
    """

    def __init__(
        self, stops: Sequence[Sequence[str]], least: Sequence[int], *, width: int, decode: Decode
    ) -> None:
        self._stops, self._least, self._width, self._decode = stops, least, width, decode
        self._tails = [max((len(stop.encode()) for stop in row), default=0) + _SLACK for row in stops]
        self.lengths: dict[int, int] = {}

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        new_tokens = input_ids.shape[1] - self._width
        for row, stops in enumerate(self._stops):
            if stops and row not in self.lengths and new_tokens > self._least[row]:
                tail = input_ids[row, self._width :][-self._tails[row] :].tolist()
                if find_stop(tail, stops, after=len(tail) - 1, decode=self._decode) is not None:
                    self.lengths[row] = new_tokens
        done = [row in self.lengths for row in range(len(self._stops))]
        return torch.tensor(done, device=input_ids.device)


def find_stop(tokens: Sequence[int], stops: Sequence[str], *, after: int, decode: Decode) -> int | None:
    """Where in the text of these tokens the first stop string begins that ends beyond `after` of them."""
    text = decode(tokens)
    before = len(decode(tokens[:after]).rstrip(_HALF_A_CHARACTER))
    places = (text.find(stop, max(0, before - len(stop) + 1)) for stop in stops)
    return min((place for place in places if place >= 0), default=None)
