"""Which items count as one witness: those of one conversation, the wordings of one question, and what these
chain together.

Whoever asks one question in a hundred ways, each in a conversation of its own, has said one thing.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from services.db.feedback_tables import ConversationRow, PersonaRow, QuestionRow
from services.db.prompt_tables import PromptSignatureRow
from services.domain.evaluation import Item
from services.domain.splits import split_key

# One witness with many prompts would make all the others together worth few: whoever asks on and on would
# keep every candidate from being judged.
PROMPTS_OF_ONE = 10


class Witnesses:
    """Names of witnesses for prompts by split key; the same for the same prompts, whatever came in later.

    Near duplicates are known from the night that assembled: a prompt's first placing holds for ever. One that
    has no place is alike only to what asks the very same.
    """

    def __init__(
        self, session: Session, persona: PersonaRow, asked: Mapping[str, str], *, cutoff: datetime
    ) -> None:
        """`asked`: the split key of each prompt by its prompt key, both as the journal has them."""
        self._parents: dict[str, str] = {}
        self._wordings = _wordings(session, persona, set(asked.values()))
        conversations = _first_conversations(session, persona, cutoff=cutoff)
        for prompt, split in asked.items():
            if conversation := conversations.get(prompt):
                self._join(conversation, self._wording(split))

    def of(self, split_key: str) -> str:
        return self._root(self._wording(split_key))

    def _wording(self, key: str) -> str:
        return f"wordings of {self._wordings.get(key, key)}"

    def _join(self, one: str, other: str) -> None:
        first, last = sorted((self._root(one), self._root(other)))
        self._parents[last] = first

    def _root(self, name: str) -> str:
        while (parent := self._parents.get(name, name)) != name:
            name = parent
        return name


def without_floods(items: Sequence[Item]) -> tuple[Item, ...]:
    """The items, in their order, of at most PROMPTS_OF_ONE prompts of each cluster, drawn by hash."""
    drawn: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        drawn[item.cluster].add(_draw(item))
    stay = {cluster: set(sorted(draws)[:PROMPTS_OF_ONE]) for cluster, draws in drawn.items() if cluster}
    return tuple(item for item in items if not item.cluster or _draw(item) in stay[item.cluster])


def _draw(item: Item) -> str:
    return hashlib.sha256(f"of one witness {split_key(item.question)}".encode()).hexdigest()


def _wordings(session: Session, persona: PersonaRow, keys: set[str]) -> dict[str, str]:
    """The cluster of near duplicates that each of these prompts is in, by split key."""
    placed = session.execute(
        select(PromptSignatureRow.split_key, PromptSignatureRow.cluster).where(
            PromptSignatureRow.persona_id == persona.id, PromptSignatureRow.split_key.in_(sorted(keys))
        )
    )
    return {row.split_key: row.cluster for row in placed}


def _first_conversations(session: Session, persona: PersonaRow, *, cutoff: datetime) -> dict[str, str]:
    """In which conversation each prompt was asked first, by the prompt's key."""
    asked = session.execute(
        select(QuestionRow.prompt_key, ConversationRow.id)
        .join(ConversationRow, QuestionRow.conversation_id == ConversationRow.id)
        .where(ConversationRow.persona_id == persona.id, QuestionRow.asked_at <= cutoff)
        .ext(distinct_on(QuestionRow.prompt_key))
        .order_by(QuestionRow.prompt_key, QuestionRow.asked_at, QuestionRow.id)
    )
    return {row.prompt_key: f"conversation {row.id}" for row in asked}
