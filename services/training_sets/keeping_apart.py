"""Prompts that judge every persona: placed among its held-out ones before what people asked finds its side.

What is a near duplicate of one of them then takes its side by `clustering`, and is never learnt from.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.prompt_tables import PromptSignatureRow
from services.domain.conversation import Question, user_text
from services.domain.splits import Split, split_key
from services.training_sets.deduplication import SIGNATURE_VERSION, sign


def keep_apart(session: Session, persona: PersonaRow, questions: Sequence[Question], *, at: datetime) -> None:
    """Hold these prompts out of the persona's training for ever.

    One that has a side already keeps it: what was learnt cannot be unlearnt, and `leaks` tells of it. What
    was signed by other rules than those of now is signed anew.
    """
    signed = sign(map(user_text, questions))
    rows = [
        {
            "persona_id": persona.id,
            "split_key": (key := split_key(question)),
            "cluster": key,
            "split": Split.HOLDOUT,
            "version": SIGNATURE_VERSION,
            "bands": signed.bands[place].tobytes(),
            "words": signed.words_of(place).tobytes(),
            "assigned_at": at,
        }
        for place, question in enumerate(questions)
    ]
    signing = insert(PromptSignatureRow)
    signature = {name: signing.excluded[name] for name in ("version", "bands", "words")}
    session.execute(
        signing.on_conflict_do_update(
            index_elements=[PromptSignatureRow.persona_id, PromptSignatureRow.split_key],
            set_=signature,
            where=PromptSignatureRow.version != SIGNATURE_VERSION,
        ),
        rows,
    )
