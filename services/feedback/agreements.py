"""What raters agreed to: which wording of what is kept of them and what for, and when.

The wording itself stands on the pages (`feedback_app/templates/agreement.html`).
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.agreement_tables import AgreementRow
from services.domain.feedback import RaterId
from services.errors.people import NotAgreed
from services.feedback.erasing import hold_rater, refuse_unless_speaking

WORDING = 2  # counted up with every new wording: then everybody is asked again
_AGREED = text("SELECT EXISTS (SELECT FROM agreements WHERE rater_id = :rater AND wording = :wording)")
# In one statement, as ratings come by the hundred a second.
_SPEAKS = text("""
    SELECT erased_at IS NOT NULL AS erased,
           EXISTS (SELECT FROM agreements WHERE rater_id = raters.id AND wording = :wording) AS agreed
    FROM raters WHERE id = :rater FOR KEY SHARE
""")


def agree(session: Session, *, rater: RaterId, wording: int, at: datetime) -> None:
    """Agreed to again it stays as it was. Raises NotAgreed for a wording that does not hold any more,
    RaterErased, NotTheAsker.
    """
    if wording != WORDING:
        raise NotAgreed
    hold_rater(session, rater)
    agreed = insert(AgreementRow).values(rater_id=rater, wording=wording, agreed_at=at)
    session.execute(agreed.on_conflict_do_nothing())


def has_agreed(session: Session, rater: RaterId) -> bool:
    """To the wording that holds."""
    return bool(session.scalar(_AGREED, {"rater": rater, "wording": WORDING}))


def require_agreement(session: Session, rater: RaterId) -> None:
    """Until this transaction ends the rater is not erased. Raises NotAgreed, RaterErased, NotTheAsker."""
    row = session.execute(_SPEAKS, {"rater": rater, "wording": WORDING}).one_or_none()
    refuse_unless_speaking(row)
    if row is None or not row.agreed:
        raise NotAgreed
