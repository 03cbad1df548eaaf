"""The ids of feedback, so that a rater's cannot go where an answer's belongs, and limits of its texts."""

from typing import NewType
from uuid import UUID

RaterId = NewType("RaterId", UUID)
ConversationId = NewType("ConversationId", UUID)
AnswerId = NewType("AnswerId", UUID)

CORRECTION_LIMIT = 20_000  # characters
COMMENT_LIMIT = 4_000
STARS = range(1, 6)
