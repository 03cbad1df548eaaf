"""Which examples say again what a near duplicate of their prompt is answered with already.

Prompts of one cluster are one prompt with small edits: ten thousand copies of one, each with its typo, must
not become ten thousand times the same lesson. Clusters are `clustering`'s.
"""

import hashlib

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.prompt_tables import PromptSignatureRow
from services.domain.examples import Example


class Repeats:
    """Remembers, by eight bytes each, the examples of clusters that have several prompts."""

    def __init__(self, session: Session, persona: PersonaRow) -> None:
        several = (
            select(PromptSignatureRow.cluster)
            .where(PromptSignatureRow.persona_id == persona.id)
            .group_by(PromptSignatureRow.cluster)
            .having(func.count() > 1)
        )
        self._clusters = frozenset(session.scalars(several))
        self._known: set[bytes] = set()

    def said_before(self, example: Example, cluster: str) -> bool:
        """Whether this was said of the cluster already, in the same domain and to the same audience."""
        if cluster not in self._clusters:
            return False
        question = example.question
        said = (example.kind, str(example.label), example.text, example.rejected)
        parts = (cluster, question.domain, question.audience, *said)
        digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
        known = digest in self._known
        self._known.add(digest)
        return known
