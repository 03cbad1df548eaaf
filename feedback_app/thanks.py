"""Words of thanks for what was said of an answer, kept in the visit until that answer's page is shown.

Flask's flashed messages would do but for one thing: they are shown on whatever page comes next.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import session as visit

from services.domain.feedback import UNDO_WITHIN, AnswerId

KEPT = 5  # a visit is a cookie: who saves and never looks must not fill it


@dataclass(frozen=True, slots=True)
class Thanks:
    """`said_id` is what may be taken back for so many more `seconds`; None where nothing may."""

    words: str
    said_id: int | None
    seconds: int


def thank(
    answer_id: AnswerId, section: str, words: str, *, said_id: int | None = None, at: datetime | None = None
) -> None:
    """To be shown once, in this section of this answer's page; what was said then can be undone."""
    since = at.timestamp() if at else 0
    visit["thanks"] = [*visit.get("thanks", []), [str(answer_id), section, words, said_id, since]][-KEPT:]


def take_thanks(answer_id: AnswerId, *, at: datetime) -> dict[str, Thanks]:
    """The words for each section of this answer's page; they are not given twice."""
    kept = visit.get("thanks", [])
    others = [one for one in kept if one[0] != str(answer_id)]
    if others != kept:
        visit["thanks"] = others
    return {one[1]: _thanks(*one[2:], at=at) for one in kept if one[0] == str(answer_id)}


def _thanks(words: str, said_id: int | None = None, since: float = 0, *, at: datetime) -> Thanks:
    """A visit that began under an earlier release has the words alone."""
    left = int((datetime.fromtimestamp(since, UTC) + UNDO_WITHIN - at).total_seconds())
    return Thanks(words, said_id if left > 0 else None, left)
