"""Results of a training as JSON can hold them."""

import math

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
