"""Results of a training as JSON can hold them, and as they stay when a rater was erased."""

import math
from typing import Any

from services.domain.conversation import clean_generated


def storable(value: object) -> object:
    """A diverged training is judged like any other and fails; JSON has no word for its loss, nor for NUL."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case str():
            return clean_generated(value)
        case dict():
            return {key: storable(part) for key, part in value.items()}
        case list() | tuple():
            return [storable(part) for part in value]
    return value


def without_previews(value: Any) -> Any:  # noqa: ANN401  (JSON)
    """The same with nothing in it that a checkpoint answered: that may repeat what people wrote."""
    match value:
        case dict():
            return {name: [] if name == "previews" else without_previews(one) for name, one in value.items()}
        case list():
            return [without_previews(one) for one in value]
        case _:
            return value
