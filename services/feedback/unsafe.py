"""Which answers are shown to nobody but their asker: those that somebody called unsafe."""

from services.db.retractions import stands_sql
from services.domain.feedback import Said

_UNSAFE = """
    EXISTS (
        SELECT FROM ratings r
        WHERE r.answer_id = {answer} AND r.reasons ? 'unsafe'
        AND {stands}
        AND (SELECT v.verdict FROM feedback_reviews v WHERE v.rating_id = r.id AND v.verdict <> 'banned'
             ORDER BY v.id DESC LIMIT 1) IS DISTINCT FROM 'overruled'
    )
"""


def called_unsafe(answer: str) -> str:
    """In SQL, of the answer whose id that column has: by somebody who did not take it back and whom no
    reviewer overruled.
    """
    return _UNSAFE.format(answer=answer, stands=stands_sql(Said.RATING, "r"))
