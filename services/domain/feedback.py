"""The words of feedback: ids that cannot be mixed up, the tags a rater may add, limits of texts."""

from datetime import timedelta
from enum import StrEnum
from typing import NewType
from uuid import UUID

RaterId = NewType("RaterId", UUID)
ConversationId = NewType("ConversationId", UUID)
AnswerId = NewType("AnswerId", UUID)

CORRECTION_LIMIT = 20_000  # characters
COMMENT_LIMIT = 4_000
STARS = range(1, 6)
UNDO_WITHIN = timedelta(minutes=1)


class Said(StrEnum):
    """What a rater says of one answer, each in a journal of its own."""

    RATING = "rating"
    CORRECTION = "correction"
    COMMENT = "comment"


class Thumb(StrEnum):
    UP = "up"
    DOWN = "down"


class Choice(StrEnum):
    """Which of two answers is better, as they stood on the page."""

    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"
    BOTH_BAD = "both bad"


class Reason(StrEnum):
    """Why an answer got its stars, in the rater's choice of a few words."""

    WRONG_FACT = "wrong fact"
    OFF_PERSONA = "off persona"
    UNSAFE = "unsafe"
    TOO_LONG = "too long"
    TOO_SHORT = "too short"
    UNCLEAR = "unclear"
    GREAT = "great"


# What nobody should learn to say, however many stars it has.
FAULTS = frozenset({Reason.WRONG_FACT, Reason.OFF_PERSONA, Reason.UNSAFE})
# What is no model to follow, though it may be right.
BLEMISHES = frozenset({Reason.TOO_LONG, Reason.TOO_SHORT, Reason.UNCLEAR})
