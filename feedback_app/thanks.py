"""Words of thanks for what was said of an answer, kept in the visit until that answer's page is shown.

Flask's flashed messages would do but for one thing: they are shown on whatever page comes next.
"""

from flask import session as visit

from services.domain.feedback import AnswerId

KEPT = 5  # a visit is a cookie: who saves and never looks must not fill it


def thank(answer_id: AnswerId, section: str, words: str) -> None:
    """To be shown once, in this section of this answer's page."""
    visit["thanks"] = [*visit.get("thanks", []), [str(answer_id), section, words]][-KEPT:]


def take_thanks(answer_id: AnswerId) -> dict[str, str]:
    """The words for each section of this answer's page; they are not given twice."""
    kept = visit.get("thanks", [])
    others = [one for one in kept if one[0] != str(answer_id)]
    if others != kept:
        visit["thanks"] = others
    return {section: words for owner, section, words in kept if owner == str(answer_id)}
