"""Nobody says anything of an answer before they agreed to what is kept of it: the box in their first form."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from flask import request
from sqlalchemy.orm import Session

from feedback_app.backend import backend
from feedback_app.limits import count_saying
from feedback_app.raters import require_rater
from services.db.session import session_scope
from services.domain.feedback import RaterId
from services.feedback.agreements import agree, require_agreement

BOX = "agreed"  # its value is the version of the wording beside it
_VERSION = re.compile(r"[0-9]{1,9}")


@contextmanager
def saying(rater: RaterId, at: datetime) -> Iterator[Session]:
    """The transaction in which this rater says something with the form that was sent.

    Raises what `begin_saying` does, NotAgreed, and RaterErased or NotTheAsker for a rater who is not there.
    """
    begin_saying(rater, at)
    with session_scope(backend().engine) as session:
        require_agreement(session, rater)
        yield session


def begin_saying(rater: RaterId, at: datetime) -> None:
    """Count it, and keep a ticked box, which holds whatever becomes of the rest. `rater` may be no more than
    claimed: agreeing looks again.

    Raises TooOften, and what `agree` does.
    """
    count_saying(rater)
    ticked = request.form.get(BOX, "")
    if ticked:
        with session_scope(backend().engine) as session:
            agree(session, rater=require_rater(), wording=_version(ticked), at=at)


def _version(ticked: str) -> int:
    """0, which no wording has, for a word that is none of ours."""
    return int(ticked) if _VERSION.fullmatch(ticked) else 0
