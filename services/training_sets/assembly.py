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

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.domain.example_policy import ExamplePolicy
from services.domain.examples import Dropped, DropReason, examples_of
from services.domain.night_plan import NightPlan, plan_night
from services.domain.splits import Split
from services.domain.training import digest_of
from services.training_sets.choosing import Chosen, Settled, as_literal, choose, settle
from services.training_sets.clustering import cluster_new
from services.training_sets.conditions import Conditions, conditions_of, find_set, newest_learnt
from services.training_sets.drafted import Drafted
from services.training_sets.drafting import Draft
from services.training_sets.freezing import Frozen, freeze
from services.training_sets.gate_prompts import gate_prompts
from services.training_sets.gathering import Gatherer
from services.training_sets.hearing import hear
from services.training_sets.late_words import find_late, seen_before
from services.training_sets.leaks import find_leaks
from services.training_sets.news import count_new
from services.training_sets.preparing import Limits, Preparing
from services.training_sets.privacy import PrivateKind
from services.training_sets.reconciling import (
    describe_raters,
    left_out,
    read_reviews,
    read_trusted,
    reconcile,
)
from services.training_sets.remembering import Memory
from services.training_sets.renewing import Renewing
from services.training_sets.repeating import Repeats
from services.training_sets.seeding import Seeding
from services.training_sets.skipping import Skipped
from services.training_sets.smoothing import disagreement_of
from services.training_sets.starting import Starting, find_start, recall, where_whole
from services.training_sets.taking_over import Earlier, Replay, put_in_order, wanted_by_kind
from services.training_sets.texts import stream_overridden, stream_prompts

_LEARNT_FROM = text(
    "INSERT INTO training_set_sources (training_set_id, kind, ids) "
    "VALUES (:set, :kind, CAST(:ids AS bigint[]))"
)


@dataclass(frozen=True, slots=True)
class Instead:
    """A set as it would have been under another policy than the persona's, and without some raters."""

    policy: ExamplePolicy
    without: frozenset[str]


def assemble(
    session: Session,
    persona: PersonaRow,
    *,
    cutoff: datetime,
    store_url: str,
    limits: Limits,
    at: datetime,
    instead: Instead | None = None,
) -> TrainingSetRow | Skipped:
    """The frozen set of this persona, cutoff and policy: the one that exists, or a new one, or why none."""
    asked = instead or Instead(ExamplePolicy(**persona.example_policy), frozenset())
    policy = asked.policy
    start = find_start(session, persona, policy, cutoff=cutoff, recipe=limits.recipe)
    name = partial(conditions_of, persona, policy, max_tokens=limits.max_tokens, without=asked.without)
    find = partial(find_set, session, persona, cutoff=cutoff)
    # An earlier attempt may have begun anew for a lost file that is there again.
    existing = find(policy_digest=digest_of(name(start))) or find(policy_digest=digest_of(name(Starting())))
    if existing is not None:
        return existing
    new = count_new(session, persona, after=newest_learnt(session, persona, before=cutoff), until=cutoff)
    if new < policy.minimum_new:
        reason = f"{persona.slug}: {new} new pieces of feedback, and {policy.minimum_new} are needed"
        return Skipped(reason, dropped={DropReason.TOO_LITTLE_NEW.value: new})
    start = where_whole(start, store_url)
    with TemporaryDirectory(prefix="assembling-") as folder:
        assembling = _Assembling(session, persona, asked, limits, start, cutoff=cutoff)
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
        *,
        cutoff: datetime,
    ) -> None:
        self._session, self._persona, self._start, self._cutoff = session, persona, start, cutoff
        self._policy, self._without, self._limits = asked.policy, asked.without, limits
        self._asked = persona.as_persona()
        self._clustered = cluster_new(session, persona, cutoff=cutoff)
        repeats = Repeats(session, persona)
        gated = gate_prompts(session, persona, cutoff=cutoff)
        self._preparing = Preparing(limits, repeats, self._asked, asked_by_gates=gated)
        apart = Preparing(limits, repeats, self._asked, asked_by_gates=gated)
        self._seeding = Seeding(session, persona, apart)

    def finish(
        self, folder: Path, *, store_url: str, conditions: Conditions, at: datetime
    ) -> TrainingSetRow | Skipped:
        drafted = self._draft(folder, recall(self._start, store_url, folder / "earlier"))
        draft, fresh = drafted.draft, len(drafted.draft.rows)
        earlier = self._earlier(drafted, folder / "earlier", store_url)
        if earlier is not None:
            earlier.add_waiting(draft)
        plan, chosen = self._plan(drafted)
        rows, references = folder / "rows.jsonl", folder / "held_out.jsonl"
        new_rows, new_references = len(draft.rows), len(draft.references)
        replay = self._take_over(earlier, drafted, chosen) if earlier and plan.stages else None
        if replay is not None:
            chosen = self._choose(drafted).only(draft.rows.of_kinds(plan.kinds))
        waiting = chosen.waiting(draft.rows, plan.may_learn(self._policy), new=new_rows)
        settled = settle(draft, draft.rows, rows, chosen, new=new_rows, waiting=waiting)
        held_out = settle(
            draft,
            draft.references,
            references,
            choose(draft.references, raters=len(drafted.raters)),
            new=new_references,
            kept_are=DropReason.HELD_OUT,
        )
        draft.close()
        if not plan.stages:
            reason = f"{self._persona.slug}: {'; '.join(plan.reasons)}"
            return Skipped(reason, _told(draft), asdict(draft.rows.volume(self._choose(drafted).kept)))
        report = {"raters": drafted.described, "leaks": self._leaks(rows, draft)}
        masked = self._preparing.masking.counts
        if replay is not None:
            kept, drawn = settled.kept, settled.kept[new_rows:]
            put_in_order(rows, parts=(int(kept[:fresh].sum()), int(kept[fresh:new_rows].sum())))
            put_in_order(references, parts=(int(held_out.kept[:new_references].sum()),))
            report["replay"] = replay.as_record(drawn, rows=int(kept.sum()))
            masked = masked + self._seeding.masked_in(replay.prompts(drawn))
        drafted.memory.write(memory := folder / "memory.jsonl")
        files = {"rows": rows, "held_out": references, "excluded": draft.excluded, "memory": memory}
        files["waiting"] = rows.with_suffix(".waiting")
        frozen = {name: freeze(store_url, path) for name, path in files.items()}
        row = TrainingSetRow(
            persona_id=self._persona.id,
            cutoff=self._cutoff,
            policy=conditions,
            policy_digest=digest_of(conditions),
            digest=frozen["rows"].digest,
            path=frozen["rows"].path,
            row_count=int(settled.kept.sum()),
            counts=asdict(draft.rows.volume(settled.kept)),
            dropped=_told(draft),
            plan=plan.as_record()
            | {"label_smoothing": drafted.label_smoothing, "start": self._start.as_record()},
            report=self._report(frozen, masked, references=int(held_out.kept.sum())) | report,
            created_at=at,
        )
        self._store(row, settled)
        return row

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
            renewing=Renewing(self._asked, self._limits),
            heard=drafted.heard,
            excluded=drafted.excluded,
            late=drafted.memory.late,
            raters=drafted.raters,
        )

    def _take_over(self, earlier: Earlier, drafted: Drafted, chosen: Chosen) -> Replay:
        """Add what stays of earlier sets to the draft."""
        earlier.add_references(drafted.draft)
        wanted = wanted_by_kind(drafted.draft.rows, chosen.kept, self._policy.replay_percent)
        seeds = partial(self._seeding.write, until=earlier.learnt.cutoff)
        return earlier.add_replay(drafted.draft, wanted, seeds)

    def _draft(self, folder: Path, memory: Memory | None) -> Drafted:
        """What was said, as rows and references; the opinions themselves are not needed any more."""
        session, persona, cutoff, since = self._session, self._persona, self._cutoff, self._start.since
        trusted = read_trusted(session, since=since, cutoff=cutoff)
        seen, known = seen_before(session, cutoff=cutoff), memory or Memory()
        late = find_late(session, persona, since=since, seen=known.seen)
        heard = hear(session, persona, cutoff=cutoff, since=since, trusted=trusted, late=late)
        reviews = read_reviews(session, cutoff=cutoff)
        reconciled = reconcile(heard, self._policy, reviews=reviews, without=self._without, memory=memory)
        del heard  # the largest arrays there are, and needed no more
        draft = Draft(folder, self._asked)
        gatherer, anew = Gatherer(reconciled), set[str]()
        for prompt in stream_prompts(session, persona, cutoff=cutoff):
            found = examples_of(gatherer.gather(prompt), self._policy)
            draft.drop(found.dropped)
            if since:
                anew.add(prompt.prompt_key)
            for example in found.examples:
                prepared = self._preparing.prepare(example, prompt)
                if isinstance(prepared, DropReason):
                    draft.drop([Dropped(example.sources, prepared)])
                elif prompt.split is Split.HOLDOUT:
                    draft.add_reference(prepared, split_key=prompt.split_key)
                else:
                    draft.add_row(prepared, split_key=prompt.split_key)
        draft.drop(gatherer.dropped)
        draft.drop(reconciled.dropped())
        for source in stream_overridden(session, persona, cutoff=cutoff):
            draft.drop([Dropped((source,), DropReason.OVERRIDDEN)])
        excluded = self._without | left_out(reconciled, reviews, memory)
        disagreement = disagreement_of(
            session, persona, cutoff=cutoff, excluded=excluded, daily_limit=self._policy.daily_limit
        )
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

    def _report(
        self, frozen: Mapping[str, Frozen], masked: Mapping[PrivateKind, int], *, references: int
    ) -> dict[str, Any]:
        return {
            "held_out": {"references": references, **asdict(frozen["held_out"])},
            "excluded": asdict(frozen["excluded"]),
            "memory": asdict(frozen["memory"]),
            "waiting": asdict(frozen["waiting"]),
            "masked": {kind.value: number for kind, number in sorted(masked.items())},
            "prompts": asdict(self._clustered),
        }


def _told(draft: Draft) -> dict[str, int]:
    """How many sources were dropped, by the reason."""
    return {reason.value: draft.dropped[reason] for reason in sorted(draft.dropped)}
