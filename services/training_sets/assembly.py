"""Assembling a persona's training set: once per (persona, cutoff, policy), or not at all tonight.

Read, reconcile, draft, choose, plan, freeze: each step is a module of its own. What is decided of a row is
the domain's (`examples`, `night_plan`).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingRunRow, TrainingSetRow
from services.domain.conversation import PROMPT_VERSION, Message, persona_messages
from services.domain.example_policy import ExamplePolicy
from services.domain.examples import Dropped, DropReason, Example, Kind, examples_of, read_alike
from services.domain.night_plan import plan_night
from services.domain.personas import Persona
from services.domain.splits import Split
from services.domain.training import RunState, digest_of
from services.training_sets.choosing import as_literal, choose, settle
from services.training_sets.clustering import cluster_new
from services.training_sets.drafting import Draft
from services.training_sets.freezing import Frozen, freeze
from services.training_sets.gathering import Gatherer
from services.training_sets.hearing import hear
from services.training_sets.masking import Masking
from services.training_sets.news import count_new
from services.training_sets.reconciling import describe_raters, read_reviews, reconcile
from services.training_sets.repeating import Repeats
from services.training_sets.smoothing import measure_smoothing
from services.training_sets.texts import PromptTexts, stream_overridden, stream_prompts

CountTokens = Callable[[tuple[Message, ...], str], int]
# No tokenizer makes more tokens than bytes of a text; this many are for the template around it.
_TEMPLATE_TOKENS = 64
_LEARNT_FROM = text(
    "INSERT INTO training_set_sources (training_set_id, kind, ids) "
    "VALUES (:set, :kind, CAST(:ids AS bigint[]))"
)
_LONGEST_TOKEN = 256  # characters; counting those of a text of megabytes takes seconds


@dataclass(frozen=True, slots=True)
class Skipped:
    """Why there is no set tonight, as one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a row may be, in tokens of the base that will learn it."""

    max_tokens: int
    count_tokens: CountTokens

    def allow(self, example: Example, persona: Persona) -> bool:
        messages = persona_messages(persona, example.question)
        size = sum(len(message.content.encode()) for message in messages) + _TEMPLATE_TOKENS
        return all(
            size + len(answer.encode()) <= self.max_tokens
            or (
                len(answer) <= self.max_tokens * _LONGEST_TOKEN
                and self.count_tokens(messages, answer) <= self.max_tokens
            )
            for answer in filter(None, (example.text, example.rejected))
        )


def assemble(
    session: Session,
    persona: PersonaRow,
    *,
    cutoff: datetime,
    store_url: str,
    limits: Limits,
    at: datetime,
    without: Collection[str] = (),
) -> TrainingSetRow | Skipped:
    """The frozen set of this persona, cutoff and policy: the one that exists, or a new one, or why none.

    `without` are ids of raters to leave out, for the set as it would have been without them.
    """
    policy = ExamplePolicy(**persona.example_policy)
    conditions = _conditions(persona, policy, limits, without)
    existing = _existing(session, persona, cutoff=cutoff, policy_digest=digest_of(conditions))
    if existing is not None:
        return existing
    new = count_new(session, persona, after=_newest_learnt(session, persona, before=cutoff), until=cutoff)
    if new < policy.minimum_new:
        return Skipped(f"{persona.slug}: {new} new pieces of feedback, and {policy.minimum_new} are needed")
    with TemporaryDirectory(prefix="assembling-") as folder:
        assembling = _Assembling(session, persona, policy, limits, cutoff=cutoff, without=without)
        return assembling.finish(Path(folder), store_url=store_url, conditions=conditions, at=at)


class _Assembling:
    """One assembly under way: everything that its steps share."""

    def __init__(
        self,
        session: Session,
        persona: PersonaRow,
        policy: ExamplePolicy,
        limits: Limits,
        *,
        cutoff: datetime,
        without: Collection[str],
    ) -> None:
        self._session, self._persona, self._policy, self._limits = session, persona, policy, limits
        self._cutoff, self._without, self._masking = cutoff, without, Masking()
        self._asked = persona.as_persona()
        self._label_smoothing = 0.0
        self._clustered = cluster_new(session, persona, cutoff=cutoff)

    def finish(
        self, folder: Path, *, store_url: str, conditions: dict[str, Any], at: datetime
    ) -> TrainingSetRow | Skipped:
        draft, described = self._draft(folder)
        rows, references = folder / "rows.jsonl", folder / "held_out.jsonl"
        raters = described["spoke"]
        chosen = choose(draft.rows, raters=raters, balance=self._policy.balance)
        plan = plan_night(draft.rows.volume(chosen.kept), self._policy)
        chosen = chosen.only(draft.rows.of_kinds(plan.kinds))
        settled = settle(draft, draft.rows, rows, chosen)
        held_out = settle(
            draft,
            draft.references,
            references,
            choose(draft.references, raters=raters),
            kept_are=DropReason.HELD_OUT,
        )
        draft.close()
        volume = draft.rows.volume(settled.kept)
        if not plan.stages:
            return Skipped(f"{self._persona.slug}: {'; '.join(plan.reasons)}")
        frozen = {
            name: freeze(store_url, path)
            for name, path in (("rows", rows), ("held_out", references), ("excluded", draft.excluded))
        }
        row = TrainingSetRow(
            persona_id=self._persona.id,
            cutoff=self._cutoff,
            policy=conditions,
            policy_digest=digest_of(conditions),
            digest=frozen["rows"].digest,
            path=frozen["rows"].path,
            row_count=int(settled.kept.sum()),
            counts=asdict(volume),
            dropped={reason.value: draft.dropped[reason] for reason in sorted(draft.dropped)},
            plan=plan.as_record() | {"label_smoothing": self._label_smoothing},
            report=self._report(frozen, references=int(held_out.kept.sum())) | {"raters": described},
            created_at=at,
        )
        self._session.add(row)
        self._session.flush()  # a concurrent twin fails here on the unique key, before anything is trained
        for kind, ids in settled.sources.items():
            known = {"set": row.id, "kind": kind, "ids": as_literal(ids)}
            self._session.execute(_LEARNT_FROM, known)
        return row

    def _draft(self, folder: Path) -> tuple[Draft, dict[str, Any]]:
        """The draft, and what is to be said of raters: the opinions themselves are not needed any more."""
        heard = hear(self._session, self._persona, cutoff=self._cutoff)
        reviews = read_reviews(self._session, cutoff=self._cutoff)
        reconciled = reconcile(heard, self._policy, reviews=reviews, without=self._without)
        draft = Draft(folder, self._asked)
        gatherer, repeats = Gatherer(reconciled), Repeats(self._session, self._persona)
        for prompt in stream_prompts(self._session, self._persona, cutoff=self._cutoff):
            found = examples_of(gatherer.gather(prompt), self._policy)
            draft.drop(found.dropped)
            for example in found.examples:
                reason = self._reason_against(example, prompt, repeats)
                masked = example if reason else self._masking.mask(example)
                if masked is not example:
                    reason = self._reason_against_masked(masked)
                if reason is not None:
                    draft.drop([Dropped(example.sources, reason)])
                elif prompt.split is Split.HOLDOUT:
                    draft.add_reference(masked)
                else:
                    draft.add_row(masked)
        draft.drop(gatherer.dropped)
        draft.drop(reconciled.dropped())
        for source in stream_overridden(self._session, self._persona, cutoff=self._cutoff):
            draft.drop([Dropped((source,), DropReason.OVERRIDDEN)])
        self._label_smoothing = measure_smoothing(
            self._session,
            self._persona,
            cutoff=self._cutoff,
            excluded={heard.raters[rater] for rater in reconciled.excluded},
        )
        return draft, describe_raters(reconciled)

    def _reason_against(self, example: Example, prompt: PromptTexts, repeats: Repeats) -> DropReason | None:
        if prompt.split is Split.QUARANTINE:
            return DropReason.QUARANTINED
        wanted = example.kind is not Kind.UNPAIRED or example.label
        if wanted and self._asked.answers.problem(example.text, example.question.text):
            return DropReason.NOT_IN_FORM
        if not self._limits.allow(example, self._asked):
            return DropReason.TOO_LONG
        return DropReason.DUPLICATE if repeats.said_before(example, prompt.cluster) else None

    def _reason_against_masked(self, example: Example) -> DropReason | None:
        """Texts that differed in what is private may say the same now, or need more tokens."""
        if example.kind is Kind.PAIR and read_alike(example.text, example.rejected):
            return DropReason.SAME_TEXT
        allowed = self._limits.allow(example, self._asked)
        return None if allowed else DropReason.TOO_LONG

    def _report(self, frozen: Mapping[str, Frozen], *, references: int) -> dict[str, Any]:
        return {
            "held_out": {"references": references, **asdict(frozen["held_out"])},
            "excluded": asdict(frozen["excluded"]),
            "masked": {kind.value: number for kind, number in sorted(self._masking.counts.items())},
            "prompts": asdict(self._clustered),
        }


def _conditions(
    persona: PersonaRow, policy: ExamplePolicy, limits: Limits, without: Collection[str]
) -> dict[str, Any]:
    """Everything that a set depends on besides persona and cutoff."""
    conditions = asdict(policy) | {
        "max_tokens": limits.max_tokens,
        "prompt_version": PROMPT_VERSION,
        "system_template": persona.system_template,
    }
    if instruction := persona.as_persona().answers.instruction:
        conditions["instruction"] = instruction
    return conditions | ({"without": sorted(without)} if without else {})


def _existing(
    session: Session, persona: PersonaRow, *, cutoff: datetime, policy_digest: str
) -> TrainingSetRow | None:
    return session.scalar(
        select(TrainingSetRow).where(
            TrainingSetRow.persona_id == persona.id,
            TrainingSetRow.cutoff == cutoff,
            TrainingSetRow.policy_digest == policy_digest,
        )
    )


def _newest_learnt(session: Session, persona: PersonaRow, *, before: datetime) -> datetime | None:
    """The cutoff of the newest earlier set that was trained on; a failed night's feedback stays new."""
    return session.scalar(
        select(TrainingSetRow.cutoff)
        .join(TrainingRunRow, TrainingRunRow.training_set_id == TrainingSetRow.id)
        .where(
            TrainingSetRow.persona_id == persona.id,
            TrainingSetRow.cutoff < before,
            TrainingRunRow.state == RunState.SUCCEEDED,
        )
        .order_by(TrainingSetRow.cutoff.desc())
        .limit(1)
    )
