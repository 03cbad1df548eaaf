"""Assembling a persona's training set: once per (persona, cutoff, policy), or not at all tonight.

Read, reconcile, draft, choose, plan, freeze: each step is a module of its own. What is decided of a row is
the domain's (`examples`, `night_plan`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.adapters.freezing import Frozen
from services.db.erasing_lock import hold_erasures
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.domain.example_policy import ExamplePolicy
from services.domain.night_plan import NightPlan, plan_night
from services.domain.training import digest_of
from services.errors.refusals import Redacted
from services.training_sets.choosing import Chosen, Settled, as_literal, choose
from services.training_sets.clustering import cluster_new
from services.training_sets.conditions import Conditions, conditions_of, find_set
from services.training_sets.decided import Decided
from services.training_sets.drafted import Drafted
from services.training_sets.drafting import Draft
from services.training_sets.gate_prompts import gate_prompts
from services.training_sets.leaks import find_leaks
from services.training_sets.news import too_little_new
from services.training_sets.preparing import Limits, Preparing
from services.training_sets.reading import Reading
from services.training_sets.renewing import Renewing
from services.training_sets.repeating import Repeats
from services.training_sets.seeding import Seeding
from services.training_sets.settling import ROWS, Kept, freeze_files, settle_draft
from services.training_sets.skipping import Skipped
from services.training_sets.starting import Starting, began_without, find_start, recall, where_whole
from services.training_sets.taking_over import Earlier, Replay, WeakDomains, nothing_weak, wanted_by_kind

_LEARNT_FROM = text(
    "INSERT INTO training_set_sources (training_set_id, kind, ids) "
    "VALUES (:set, :kind, CAST(:ids AS bigint[]))"
)


@dataclass(frozen=True, slots=True)
class Instead:
    """A set as it would have been under another policy than the persona's, and without some raters."""

    policy: ExamplePolicy
    without: frozenset[str]


# How many rows there are decides how they are joined: what was counted while a table was empty makes minutes
# of a second, and the server counts by itself only a minute after a large import. A table that another
# assembly has just counted is skipped.
_COUNT_ROWS = text("""
    SELECT count_rows('conversations', 'questions', 'answers', 'ratings', 'corrections', 'comparisons',
        'seed_examples', 'prompt_splits')
""")


def assemble(  # noqa: PLR0913  (what jobs bring together)
    session: Session,
    persona: PersonaRow,
    *,
    cutoff: datetime,
    store_url: str,
    limits: Limits,
    at: datetime,
    instead: Instead | None = None,
    weak_domains: WeakDomains = nothing_weak,
) -> TrainingSetRow | Skipped:
    """The frozen set of this persona, cutoff and policy: the one that exists, or a new one, or why none.

    A replay has more of the domains in which the champion was weak. Raises Redacted where there was such a
    set and a rater that it learnt from was erased.
    """
    hold_erasures(session)
    asked = instead or Instead(ExamplePolicy(**persona.example_policy), frozenset())
    policy = asked.policy
    start = find_start(session, persona, policy, cutoff=cutoff, recipe=limits.recipe)
    name = partial(conditions_of, persona, policy, max_tokens=limits.max_tokens, without=asked.without)
    find = partial(find_set, session, persona, cutoff=cutoff)
    existing = find(policy_digest=digest_of(name(start)))
    if existing is None:  # an earlier attempt may have begun anew for a lost file that is there again
        anew = find(policy_digest=digest_of(name(Starting())))
        existing = anew if anew is not None and began_without(start.learnt, anew) else None
    if existing is not None and existing.redacted_at is not None:
        raise Redacted("training set", existing.id)
    if existing is not None:
        return existing
    if skipped := too_little_new(session, persona, policy, until=cutoff, store_url=store_url):
        return skipped
    start = where_whole(start, store_url)
    session.execute(_COUNT_ROWS)
    with TemporaryDirectory(prefix="assembling-") as folder:
        assembling = _Assembling(session, persona, asked, limits, start, weak_domains, cutoff=cutoff)
        return assembling.finish(Path(folder), store_url=store_url, conditions=name(start), at=at)


class _Assembling:
    """One assembly under way: everything that its steps share."""

    def __init__(
        self,
        session: Session,
        persona: PersonaRow,
        asked: Instead,
        limits: Limits,
        start: Starting,
        weak_domains: WeakDomains,
        *,
        cutoff: datetime,
    ) -> None:
        self._session, self._persona, self._start, self._cutoff = session, persona, start, cutoff
        self._policy, self._limits, self._weak_domains = asked.policy, limits, weak_domains
        self._clustered = cluster_new(session, persona, cutoff=cutoff)
        repeats = Repeats(session, persona)
        gated = gate_prompts(session, persona, cutoff=cutoff)
        prepare = partial(Preparing, limits, repeats, persona.as_persona(), asked_by_gates=gated)
        self._preparing = prepare()
        self._seeding = Seeding(session, persona, prepare())
        self._reading = Reading(
            session,
            persona,
            self._preparing,
            asked.policy,
            without=asked.without,
            since=start.since,
            cutoff=cutoff,
        )

    def finish(
        self, folder: Path, *, store_url: str, conditions: Conditions, at: datetime
    ) -> TrainingSetRow | Skipped:
        drafted = self._reading.draft(folder, recall(self._start, store_url, folder / "earlier"))
        decided = self._decide(drafted, self._earlier(drafted, folder / "earlier", store_url))
        plan = decided.plan
        kept = settle_draft(drafted, decided, folder, may_learn=plan.may_learn(self._policy))
        if not plan.stages:
            return self._skipped(drafted, plan)
        found = self._found(drafted, decided, kept, folder / ROWS)
        frozen = freeze_files(drafted, folder, store_url=store_url)
        start = {"label_smoothing": drafted.label_smoothing, "start": self._start.as_record()}
        row = TrainingSetRow(
            persona_id=self._persona.id,
            cutoff=self._cutoff,
            policy=conditions,
            policy_digest=digest_of(conditions),
            digest=frozen["rows"].digest,
            path=frozen["rows"].path,
            row_count=int(kept.rows.kept.sum()),
            counts=asdict(drafted.draft.rows.volume(kept.rows.kept)),
            dropped=_told(drafted.draft),
            plan=plan.as_record() | start,
            report=_files(frozen, references=int(kept.references.kept.sum())) | found,
            created_at=at,
        )
        self._store(row, kept.rows)
        return row

    def _decide(self, drafted: Drafted, earlier: Earlier | None) -> Decided:
        """What is learnt of the draft; what waited and what is replayed is added to it."""
        draft, fresh = drafted.draft, len(drafted.draft.rows)
        if earlier is not None:
            earlier.add_waiting(draft)
        plan, chosen = self._plan(drafted)
        new, new_references = len(draft.rows), len(draft.references)
        replay = self._take_over(earlier, drafted, chosen) if earlier and plan.stages else None
        if replay is not None:
            chosen = self._choose(drafted).only(draft.rows.of_kinds(plan.kinds))
        return Decided(plan, chosen, replay, fresh, new, new_references)

    def _skipped(self, drafted: Drafted, plan: NightPlan) -> Skipped:
        reason = f"{self._persona.slug}: {'; '.join(plan.reasons)}"
        volume = drafted.draft.rows.volume(self._choose(drafted).kept)
        return Skipped(reason, _told(drafted.draft), asdict(volume))

    def _found(self, drafted: Drafted, decided: Decided, kept: Kept, rows: Path) -> dict[str, Any]:
        """What a person should know of the set's raters, leaks, prompts, masks and replay."""
        masked = self._preparing.masking.counts
        found = {
            "raters": drafted.described,
            "leaks": self._leaks(rows, drafted.draft),
            "prompts": asdict(self._clustered),
        }
        if decided.replay is not None:
            drawn = kept.rows.kept[decided.new :]
            found["replay"] = decided.replay.as_record(drawn, rows=int(kept.rows.kept.sum()))
            masked = masked + self._seeding.masked_in(decided.replay.prompts(drawn))
        return found | {"masked": {kind.value: number for kind, number in sorted(masked.items())}}

    def _leaks(self, rows: Path, draft: Draft) -> dict[str, Any]:
        learnt = None  # where everything is learnt from, every prompt of the training side
        if self._start.learnt is not None:
            with rows.open(encoding="utf-8") as lines:
                learnt = {json.loads(line)["split_key"] for line in lines}
        return find_leaks(
            self._session, self._persona, cutoff=self._cutoff, learnt=learnt, dropped=draft.dropped
        )

    def _store(self, row: TrainingSetRow, settled: Settled) -> None:
        self._session.add(row)
        self._session.flush()  # a concurrent twin fails here on the unique key, before anything is trained
        for kind, ids in settled.sources.items():
            known = {"set": row.id, "kind": kind, "ids": as_literal(ids)}
            self._session.execute(_LEARNT_FROM, known)

    def _choose(self, drafted: Drafted) -> Chosen:
        rows, balance = drafted.draft.rows, self._policy.balance
        return choose(rows, raters=len(drafted.raters), balance=balance, unused=drafted.unused)

    def _plan(self, drafted: Drafted) -> tuple[NightPlan, Chosen]:
        """What the night trains, by what is new; and which new lines it learns from."""
        chosen = self._choose(drafted)
        plan = plan_night(drafted.draft.rows.volume(chosen.kept), self._policy, drafted.disagreement)
        if self._start.reason:
            plan = replace(plan, reasons=(self._start.reason, *plan.reasons))
        return plan, chosen.only(drafted.draft.rows.of_kinds(plan.kinds))

    def _earlier(self, drafted: Drafted, folder: Path, store_url: str) -> Earlier | None:
        """The set gone on from; None for a set that starts from the base."""
        champion, learnt = self._start.champion, self._start.learnt
        if champion is None or learnt is None:
            return None
        return Earlier(
            session=self._session,
            persona=self._persona,
            champion=champion,
            learnt=learnt,
            cutoff=self._cutoff,
            store_url=store_url,
            folder=folder,
            renewing=Renewing(self._persona.as_persona(), self._limits),
            heard=drafted.heard,
            excluded=drafted.excluded,
            late=drafted.memory.late,
            weak_domains=self._weak_domains,
            raters=drafted.raters,
        )

    def _take_over(self, earlier: Earlier, drafted: Drafted, chosen: Chosen) -> Replay:
        """Add what stays of earlier sets to the draft."""
        earlier.add_references(drafted.draft)
        wanted = wanted_by_kind(drafted.draft.rows, chosen.kept, self._policy.replay_percent)
        seeds = partial(self._seeding.write, until=earlier.learnt.cutoff)
        return earlier.add_replay(drafted.draft, wanted, seeds)


def _files(frozen: Mapping[str, Frozen], *, references: int) -> dict[str, Any]:
    """What a report says of the files beside the rows."""
    files = {name: asdict(frozen[name]) for name in ("held_out", "excluded", "memory", "waiting")}
    return files | {"held_out": {"references": references, **files["held_out"]}}


def _told(draft: Draft) -> dict[str, int]:
    """How many sources were dropped, by the reason."""
    return {reason.value: draft.dropped[reason] for reason in sorted(draft.dropped)}
