"""Words of thanks for what was said of an answer, kept in the visit until that answer's page is shown, and
until what they thank for can be taken back no more.

Flask's flashed messages would do but for one thing: they are shown on whatever page comes next.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flask import session as visit

from services.domain.feedback import UNDO_WITHIN, AnswerId

KEPT = 5  # a visit is a cookie: who saves and never looks must not fill it


@dataclass(frozen=True, slots=True)
class Thanks:
    """`said_id` is what may be taken back for so many more `seconds`; None where nothing may. The `newest` of
    those on a page is what a key takes back.
    """

    words: str
    said_id: int | None
    seconds: int
    newest: bool = False


def thank(
    answer_id: AnswerId, section: str, words: str, *, said_id: int | None = None, at: datetime | None = None
) -> None:
    """To be shown in this section of this answer's page, in the place of what it showed before."""
    since = at.timestamp() if at else 0
    others = [one for one in visit.get("thanks", []) if one[:2] != [str(answer_id), section]]
    visit["thanks"] = [*others, [str(answer_id), section, words, said_id, since]][-KEPT:]


def take_thanks(answer_id: AnswerId, *, at: datetime) -> dict[str, Thanks]:
    """The words for each section of this answer's page; again only while there is something to undo."""
    kept = visit.get("thanks", [])
    found: dict[str, Thanks] = {}
    left = []
    for one in kept:
        whose, section, *told = one
        thanks = _thanks(*told, at=at)
        if whose == str(answer_id):
            found[section] = thanks
        if whose != str(answer_id) or thanks.said_id is not None:
            left.append(one)
    if left != kept:
        visit["thanks"] = left
    undoable = [section for section, thanks in found.items() if thanks.said_id is not None]
    for section in undoable[-1:]:
        found[section] = replace(found[section], newest=True)
    return found


def _thanks(words: str, said_id: int | None = None, since: float = 0, *, at: datetime) -> Thanks:
    """A visit that began under an earlier release has the words alone."""
    left = int((datetime.fromtimestamp(since, UTC) + UNDO_WITHIN - at).total_seconds())
    return Thanks(words, said_id if left > 0 else None, left)
