"""Nobody says anything of an answer before they agreed to what is kept of it: the box in their first form."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from flask import request
from sqlalchemy.orm import Session

from feedback_app.backend import backend
from feedback_app.limits import count_saying
from services.db.session import session_scope
from services.domain.feedback import RaterId
from services.feedback.agreements import agree, require_agreement

BOX = "agreed"  # its value is the version of the wording beside it
_VERSION = re.compile(r"[0-9]{1,9}")


@contextmanager
def saying(rater: RaterId, at: datetime) -> Iterator[Session]:
    """The transaction in which this rater says something with the form that was sent.

    A ticked box holds whatever becomes of the rest. Raises TooOften, NotAgreed, and RaterErased or
    NotTheAsker for a rater who is not there.
    """
    count_saying(rater)
    ticked = request.form.get(BOX, "")
    if ticked:
        with session_scope(backend().engine) as session:
            agree(session, rater=rater, wording=_version(ticked), at=at)
    with session_scope(backend().engine) as session:
        require_agreement(session, rater)
        yield session


def _version(ticked: str) -> int:
    """0, which no wording has, for a word that is none of ours."""
    return int(ticked) if _VERSION.fullmatch(ticked) else 0
