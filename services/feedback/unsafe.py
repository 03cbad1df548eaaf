"""Which answers are shown to nobody but their asker: those that somebody called unsafe."""

from services.db.retractions import stands_sql
from services.domain.feedback import Said
from services.feedback.overruling import not_overruled

_UNSAFE = """
    EXISTS (
        SELECT FROM ratings r
        WHERE r.answer_id = {answer} AND r.reasons ? 'unsafe'
        AND {stands} AND {not_overruled}
    )
"""


def called_unsafe(answer: str) -> str:
    """In SQL, of the answer whose id that column has: by somebody who did not take it back and whom no
    reviewer overruled.
    """
    return _UNSAFE.format(
        answer=answer, stands=stands_sql(Said.RATING, "r"), not_overruled=not_overruled("r")
    )
