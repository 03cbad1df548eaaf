"""Reading what was said of a persona into a draft: heard, reconciled, gathered by prompt, made examples.

What a night makes of the draft is `assembly`'s.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.domain.disagreement import Disagreement
from services.domain.example_policy import ExamplePolicy
from services.domain.examples import Dropped, DropReason, Example, examples_of
from services.domain.splits import Split
from services.training_sets.drafted import Drafted
from services.training_sets.drafting import Draft
from services.training_sets.gathering import Gatherer, apart
from services.training_sets.hearing import hear
from services.training_sets.late_words import find_late, seen_before
from services.training_sets.preparing import Preparing
from services.training_sets.reconciling import (
    Reconciled,
    describe_raters,
    left_out,
    read_reviews,
    read_trusted,
    reconcile,
)
from services.training_sets.remembering import Memory
from services.training_sets.reviewed import read_reviewed
from services.training_sets.smoothing import disagreement_of
from services.training_sets.taken_back import stream_taken_back
from services.training_sets.texts import PromptTexts, stream_overridden, stream_prompts


class Reading:
    """One reading, up to a cutoff; of what is new `since` an instant, where a set goes on from another.

    `without` are ids of raters left out on request.
    """

    def __init__(
        self,
        session: Session,
        persona: PersonaRow,
        preparing: Preparing,
        policy: ExamplePolicy,
        *,
        without: frozenset[str],
        since: datetime | None,
        cutoff: datetime,
    ) -> None:
        self._session, self._persona, self._preparing = session, persona, preparing
        self._policy, self._without = policy, without
        self._since, self._cutoff = since, cutoff

    def draft(self, folder: Path, memory: Memory | None) -> Drafted:
        """What was said, as rows and references; the opinions themselves are not needed any more."""
        session, persona, cutoff, since = self._session, self._persona, self._cutoff, self._since
        trusted = read_trusted(session, since=since, cutoff=cutoff)
        seen, known = seen_before(session, cutoff=cutoff), memory or Memory()
        late = find_late(session, persona, since=since, seen=known.seen)
        heard = hear(session, persona, cutoff=cutoff, since=since, trusted=trusted, late=late)
        reviews = read_reviews(session, cutoff=cutoff)
        reconciled = reconcile(
            heard,
            self._policy,
            reviews=reviews,
            words=read_reviewed(session, persona, cutoff=cutoff),
            without=self._without,
            memory=memory,
        )
        del heard  # the largest arrays there are, and needed no more
        draft = Draft(folder, persona.as_persona())
        excluded = self._without | left_out(reconciled, reviews, memory)
        disagreement = disagreement_of(
            session,
            persona,
            cutoff=cutoff,
            excluded=excluded,
            overruled=reconciled.against.words.overruled,
            daily_limit=self._policy.daily_limit,
        )
        anew = self._fill(draft, reconciled, disagreement)
        return Drafted(
            draft=draft,
            described=describe_raters(reconciled),
            raters={rater: number for number, rater in enumerate(reconciled.raters)},
            excluded=excluded,
            heard=frozenset(anew),
            disagreement=disagreement,
            memory=replace(
                reconciled.memory, seen=seen, late={**known.late, **dict.fromkeys(late.prompts, cutoff)}
            ),
        )

    def _fill(self, draft: Draft, reconciled: Reconciled, disagreement: Disagreement | None) -> set[str]:
        """Everything said, prompt by prompt, as rows and references, or dropped.

        Gives the keys of its prompts where a set goes on from another; else they are all there are.
        """
        gatherer, keys = Gatherer(reconciled), set[str]()
        for prompt in stream_prompts(self._session, self._persona, cutoff=self._cutoff):
            if self._since:
                keys.add(prompt.prompt_key)
            for part in apart(gatherer.gather(prompt), disagreement):
                found = examples_of(part, self._policy)
                draft.drop(found.dropped)
                for example in found.examples:
                    self._add(draft, example, prompt)
        draft.drop(gatherer.dropped)
        draft.drop(reconciled.dropped())
        for source in stream_overridden(self._session, self._persona, cutoff=self._cutoff):
            draft.drop([Dropped((source,), DropReason.OVERRIDDEN)])
        for source in stream_taken_back(self._session, self._persona, cutoff=self._cutoff):
            draft.drop([Dropped((source,), DropReason.TAKEN_BACK)])
        return keys

    def _add(self, draft: Draft, example: Example, prompt: PromptTexts) -> None:
        prepared = self._preparing.prepare(example, prompt)
        if isinstance(prepared, DropReason):
            draft.drop([Dropped(example.sources, prepared)])
        elif prompt.split is Split.HOLDOUT:
            draft.add_reference(prepared, split_key=prompt.split_key)
        else:
            draft.add_row(prepared, split_key=prompt.split_key)
