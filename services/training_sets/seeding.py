"""Imported examples that nobody asked anything like, as rows that a short replay is filled up with."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.domain.examples import Example, Kind
from services.training_sets.drafting import row_of, write_line
from services.training_sets.preparing import Preparing
from services.training_sets.privacy import PrivateKind
from services.training_sets.texts import stream_unasked_seeds


class Seeding:
    """Writes rows of seed data with a `preparing` of its own: few of them enter the set."""

    def __init__(self, session: Session, persona: PersonaRow, preparing: Preparing) -> None:
        self._session, self._persona, self._preparing = session, persona, preparing
        self._masked: dict[str, Counter[PrivateKind]] = {}

    def write(self, file: Path, *, until: datetime) -> None:
        """Rows of what was imported by an instant."""
        persona = self._persona.as_persona()
        with file.open("w", encoding="utf-8") as lines:
            for prompt in stream_unasked_seeds(self._session, self._persona, cutoff=until):
                seed, key = prompt.rows[-1], prompt.prompt_key
                source = (f"seed:{seed.id}",)
                example = Example(Kind.DEMONSTRATION, prompt.question, key, seed.completion, source, ())
                before = self._preparing.masking.counts.copy()
                prepared = self._preparing.prepare(example, prompt)
                if isinstance(prepared, Example):
                    self._masked[key] = self._preparing.masking.counts - before
                    write_line(lines, row_of(prepared, persona, split_key=prompt.split_key))

    def masked_in(self, prompts: Iterable[str]) -> Counter[PrivateKind]:
        """What was masked in the rows of these prompt keys."""
        return sum((self._masked.get(key, Counter()) for key in prompts), Counter[PrivateKind]())
