"""The chance by which simulated people differ: a hash of who and what, so that a seed repeats it all."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")


def draw(seed: int, *parts: object) -> float:
    """A number in [0, 1) that depends on the seed and the parts alone."""
    text = "\x1f".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def choose(options: Sequence[Choice], seed: int, *parts: object) -> Choice:
    """One of the options, each as likely as the others."""
    return options[int(draw(seed, *parts) * len(options))]


def shuffled(options: Sequence[Choice], seed: int, *parts: object) -> list[Choice]:
    """The options in an order that depends on the seed and the parts alone."""
    order = sorted(range(len(options)), key=lambda place: draw(seed, *parts, place))
    return [options[place] for place in order]
