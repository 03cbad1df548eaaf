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

WORDING = 1  # counted up with every new wording: then everybody is asked again
_AGREED = text("SELECT EXISTS (SELECT FROM agreements WHERE rater_id = :rater AND wording = :wording)")


def agree(session: Session, *, rater: RaterId, wording: int, at: datetime) -> None:
    """Agreed to again it stays as it was. Raises NotAgreed for a wording that does not hold any more."""
    if wording != WORDING:
        raise NotAgreed
    agreed = insert(AgreementRow).values(rater_id=rater, wording=wording, agreed_at=at)
    session.execute(agreed.on_conflict_do_nothing())


def has_agreed(session: Session, rater: RaterId) -> bool:
    """To the wording that holds."""
    return bool(session.scalar(_AGREED, {"rater": rater, "wording": WORDING}))


def require_agreement(session: Session, rater: RaterId) -> None:
    """Raises NotAgreed."""
    if not has_agreed(session, rater):
        raise NotAgreed
