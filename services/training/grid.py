"""A grid of overrides such as `lora.r=8,32,64 training.epochs=1,3`, and the combinations it stands for.

Only the words are read here: whether a key exists and a value is possible is `recipe`'s to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import prod

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from services.errors.inputs import InvalidGrid

MOST_COMBINATIONS = 24  # each of them is a whole training
_NOT_VALUES = ("glob(", "shuffle(")  # names of files; and all values built at once, in no order
_FORM = "write it as lora.r=8,32,64, a key and values with commas between them"


@dataclass(frozen=True, slots=True)
class Axis:
    """One key with the values it takes, as an override has them after the equals sign."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    axes: tuple[Axis, ...]

    def combinations(self) -> list[tuple[str, ...]]:
        """The overrides of each combination, the last key changing fastest."""
        of_each_key = [[f"{axis.key}={value}" for value in axis.values] for axis in self.axes]
        return [tuple(chosen) for chosen in product(*of_each_key)]

    @property
    def swept(self) -> tuple[Axis, ...]:
        """The keys that take more than one value."""
        return tuple(axis for axis in self.axes if len(axis.values) > 1)


def read_grid(texts: Sequence[str]) -> Grid:
    """InvalidGrid unless it has two combinations to compare, and not too many to train."""
    grid = Grid(tuple(_read_axis(text) for text in texts))
    keys = [axis.key for axis in grid.axes]
    for key in keys:
        if keys.count(key) > 1:
            raise InvalidGrid(f"{key} stands in it twice: give all its values at once")
    count = prod(len(axis.values) for axis in grid.axes)
    if not grid.swept:
        raise InvalidGrid(f"it has one combination and nothing to compare it with: {_FORM}")
    if count > MOST_COMBINATIONS:
        raise InvalidGrid(
            f"it has more than {MOST_COMBINATIONS} combinations, the most that are trained: leave values out"
        )
    return grid


def _read_axis(text: str) -> Axis:
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise InvalidGrid(f"{text!r} cannot be read: {_FORM}") from error
    key = override.key_or_group
    if not text.startswith(f"{key}="):  # additions, deletions and packages, as Hydra knows them
        raise InvalidGrid(f"{text!r} cannot be read: {_FORM}")
    if not override.is_sweep_override():
        values: tuple[str, ...] = (override.get_value_element_as_str(),)
    elif override.is_discrete_sweep() and not any(word in text for word in _NOT_VALUES):
        # A range may stand for any number of values: what is over the most says enough.
        values = tuple(islice(override.sweep_string_iterator(), MOST_COMBINATIONS + 1))
    else:
        raise InvalidGrid(f"{text!r} does not say its values one by one: {_FORM}")
    if "" in values:
        raise InvalidGrid(f"{key} has no value: {_FORM}")
    if len(set(values)) < len(values):
        raise InvalidGrid(f"{key} has one value twice")
    return Axis(key, values)
