"""An answer's text while its tokens come: what is told of it is always how the whole text begins.

Characters whose bytes are not all there, white space and what may become a stop string wait for what follows.
"""

import time
from collections.abc import Callable, Collection, Sequence
from itertools import takewhile

from services.domain.conversation import clean_generated
from services.language_model.asking import Hearing

PAUSE_S = 0.05  # between two pieces: nobody reads faster

_HALF_A_CHARACTER = "\ufffd"  # what a decoder writes for bytes whose rest is still to come


class Spelling:
    """Called with all new tokens of an answer after each step; false once `heard` has enough."""

    def __init__(
        self,
        decode: Callable[[Sequence[int]], str],
        *,
        end_ids: Collection[int],
        most: int,
        stops: Sequence[str],
        heard: Hearing,
    ) -> None:
        self._decode, self._end_ids, self._most, self._stops = decode, frozenset(end_ids), most, stops
        self._heard = heard
        self._told = ""
        self._next_at = 0.0

    def __call__(self, tokens: Sequence[int]) -> bool:
        if time.monotonic() < self._next_at:
            return True
        own = list(takewhile(lambda token: token not in self._end_ids, tokens[: self._most]))
        sure = self._sure(clean_generated(self._decode(own).lstrip()))
        if len(sure) <= len(self._told) or not sure.startswith(self._told):
            return True
        piece, self._told = sure[len(self._told) :], sure
        self._next_at = time.monotonic() + PAUSE_S
        return self._heard(piece)

    def _sure(self, text: str) -> str:
        for stop in self._stops:
            # Where a whole one stands the answer ends, unless it is too short yet: its end will tell.
            place = text.find(stop, max(0, len(self._told) - len(stop)))
            text = text[:place] if place >= 0 else text[: len(text) - _begun(stop, text)]
        return text.rstrip(_HALF_A_CHARACTER).rstrip()


def _begun(stop: str, text: str) -> int:
    """How many characters at the end of the text begin this stop string."""
    lengths = range(min(len(stop) - 1, len(text)), 0, -1)
    return next((length for length in lengths if text.endswith(stop[:length])), 0)
