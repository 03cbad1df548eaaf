"""A persona as its curators see it: who serves and why, its versions, sets, runs, decisions, canary, ratings.

Each function reads in a fixed number of statements, however much there is. Nothing here writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session, aliased

from services.accounts import audit
from services.adapters import live, promotions
from services.adapters.canaries import policy_of
from services.db.account_tables import AuditEntryRow
from services.db.decisions import newest_decision_on, own_report_of
from services.db.feedback_tables import AnswerRow, PersonaRow, RatingRow
from services.db.lineage_tables import (
    AdapterVersionRow,
    EvaluationReportRow,
    GateDecisionRow,
    PromotionRow,
    SkippedNightRow,
    TrainingSetRow,
)
from services.db.retractions import stands
from services.domain.canaries import CanaryPolicy
from services.domain.evaluation import METRICS, OVERALL
from services.domain.feedback import Said
from services.domain.promotions import BASE_VERSION, PromotionKind, open_canary, served
from services.evaluation.metric_chart import MetricCourse, Point
from services.evaluation.wording import title_of
from services.feedback.canary_chart import Look
from services.feedback.rating_chart import RatedDay
from services.jobs.canaries import canary_in, canary_row, looks_at
from services.training.watching import RunSummary, runs_of
from services.training_sets.conditions import of_everyone
from services.training_sets.skipping import skips_of

CREATED = "create"  # the act of making a persona
NEWEST = 10  # of what there is more of with every night
DAYS = 30  # of ratings
MOST_PANELS = 6
LOOKS = 60

Record = dict[str, Any]
Line = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class VersionLine:
    """`why_not`: why it can serve no more, empty where it could; `metrics` of its own night."""

    number: int
    created_at: datetime
    why_not: str
    metrics: Mapping[str, float]
    verdict: str | None
    served: bool


@dataclass(frozen=True, slots=True)
class Curated:
    """`back_to` are the versions that a move may name; `canary` is what `canary_in` says of an open one."""

    persona: PersonaRow
    live: live.LiveAt
    canary: Record | None
    versions: Sequence[VersionLine]
    back_to: Sequence[int]
    sets: Sequence[Line]
    skipped: Sequence[SkippedNightRow]
    runs: Sequence[RunSummary]
    decisions: Sequence[Line]
    acts: Sequence[AuditEntryRow]

    @property
    def created(self) -> AuditEntryRow | None:
        """How it began, as long as nothing else came of it."""
        begun = self.sets or self.skipped or self.runs or len(self.versions) > 1
        return None if begun else next((one for one in self.acts if one.act == CREATED), None)

    @property
    def last_skip(self) -> SkippedNightRow | None:
        """Why nothing was learnt, where that is the last that was tried."""
        newest = self.skipped[0] if self.skipped else None
        return newest if newest and (not self.sets or newest.cutoff > self.sets[0].cutoff) else None

    @property
    def titles(self) -> Mapping[str, str]:
        """The metrics that the versions shown have, by name."""
        known = {name for version in self.versions for name in version.metrics}
        return {name: title_of(name) for name in METRICS if name in known}


@dataclass(frozen=True, slots=True)
class Listed:
    slug: str
    display_name: str
    state: str
    serves: int


def personas_of(session: Session) -> list[Listed]:
    """Every persona by name, archived ones too, with the version that serves it."""
    serves = (
        select(AdapterVersionRow.number)
        .join(PromotionRow, PromotionRow.adapter_version_id == AdapterVersionRow.id)
        .where(PromotionRow.persona_id == PersonaRow.id, PromotionRow.kind != PromotionKind.CANARY)
        .order_by(PromotionRow.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = session.execute(select(PersonaRow, serves).order_by(PersonaRow.display_name, PersonaRow.id))
    return [Listed(row.slug, row.display_name, row.state, number or BASE_VERSION) for row, number in rows]


def curated(session: Session, slug: str, *, at: datetime) -> Curated:
    """Raises UnknownPersona."""
    row = promotions.find_persona(session, slug)
    found = live.live_at(session, row, at)
    return Curated(
        persona=row,
        live=found,
        canary=canary_in(session, slug, at=at) if found.canary else None,
        versions=versions_of(session, row, limit=NEWEST),
        back_to=_back_to(session, row),
        sets=_sets(session, row),
        skipped=skips_of(session, row, limit=NEWEST),
        runs=runs_of(session, row, limit=NEWEST),
        decisions=_decisions(session, row),
        acts=audit.on(session, slug, limit=NEWEST),
    )


def versions_of(session: Session, persona: PersonaRow, *, limit: int | None = None) -> list[VersionLine]:
    """Newest first, each with its overall metrics, of its own night, where it was evaluated."""
    overall = func.jsonb_path_query_array(EvaluationReportRow.metrics, f'$[*] ? (@.slice == "{OVERALL}")')
    metrics = own_report_of(AdapterVersionRow.id).with_only_columns(overall).scalar_subquery()
    verdict = newest_decision_on(AdapterVersionRow.id).with_only_columns(GateDecisionRow.verdict)
    in_full = select(PromotionRow.adapter_version_id).where(
        PromotionRow.persona_id == persona.id, PromotionRow.kind != PromotionKind.CANARY
    )
    rows = session.execute(
        select(AdapterVersionRow, metrics, verdict.scalar_subquery(), AdapterVersionRow.id.in_(in_full))
        .where(AdapterVersionRow.persona_id == persona.id)
        .order_by(AdapterVersionRow.number.desc())
        .limit(limit)
    )
    return [
        VersionLine(row.number, row.created_at, _why_not(row), _values(measured), said, in_its_time)
        for row, measured, said, in_its_time in rows
    ]


def courses_of(session: Session, persona: PersonaRow) -> list[MetricCourse]:
    """Of the metrics that the newest evaluated version has, the first few, over all versions."""
    lines = versions_of(session, persona)[::-1]
    newest = next((line.metrics for line in reversed(lines) if line.metrics), {})
    drawn = [name for name in METRICS if name in newest][:MOST_PANELS]
    return [
        MetricCourse(
            title_of(name),
            [Point(line.number, line.metrics[name], line.served) for line in lines if name in line.metrics],
        )
        for name in drawn
    ]


def rated_days(
    session: Session, persona: PersonaRow, *, at: datetime, kept: dict[tuple[int, date], int]
) -> list[RatedDay]:
    """The last days up to this one, in UTC; a rating that was changed counts on each of its days, one that
    was taken back on none.

    Days before yesterday get no ratings any more: what was counted of them is looked up in `kept` and added.
    """
    today = at.astimezone(UTC).date()
    days = [today - timedelta(days=before) for before in range(DAYS - 1, -1, -1)]
    unknown = next(day for day in days if day >= today - timedelta(days=1) or (persona.id, day) not in kept)
    counted = _ratings_since(session, persona, unknown)
    found = [RatedDay(day, kept[persona.id, day] if day < unknown else counted.get(day, 0)) for day in days]
    kept.update({(persona.id, one.day): one.ratings for one in found[:-2]})
    return found


def _ratings_since(session: Session, persona: PersonaRow, first: date) -> dict[date, int]:
    day = func.date(func.timezone("UTC", RatingRow.created_at))
    counted = session.execute(
        select(day.label("day"), func.count().label("ratings"))
        .join(AnswerRow, AnswerRow.id == RatingRow.answer_id)
        .join(AdapterVersionRow, AdapterVersionRow.id == AnswerRow.adapter_version_id)
        .where(
            AdapterVersionRow.persona_id == persona.id,
            RatingRow.created_at >= datetime.combine(first, time(), UTC),
            stands(Said.RATING, RatingRow.id),
        )
        .group_by(day)
    )
    return {one.day: one.ratings for one in counted}


def looks_of(session: Session, persona: PersonaRow) -> tuple[list[Look], CanaryPolicy]:
    """What was seen of the open canary so far, oldest first; nothing where none is open."""
    canary = canary_row(session, persona)
    rows = looks_at(session, canary.id)[-LOOKS:] if canary else []
    return [_look(row.numbers) for row in rows], policy_of(persona)


def _look(numbers: Mapping[str, Any]) -> Look:
    heard = numbers["canary_conversations"] + numbers["champion_conversations"]
    return Look(heard, numbers["difference"], numbers["low"], numbers["high"])


def _why_not(row: AdapterVersionRow) -> str:
    if row.tainted_at is not None:
        return "tainted"
    if row.removed_at is not None:
        return "removed"
    return "unsound" if row.unsound_at is not None else ""


def _values(measured: Sequence[Mapping[str, Any]] | None) -> dict[str, float]:
    return {one["name"]: one["value"] for one in measured or () if one["value"] is not None}


def _back_to(session: Session, persona: PersonaRow) -> list[int]:
    past = promotions.history(session, persona)
    there = served(past) - promotions.unusable(session, persona)
    if open_canary(past) is None:
        there -= {promotions.who_serves(session, persona).number}
    return sorted(there, reverse=True)


def _sets(session: Session, persona: PersonaRow) -> Sequence[Line]:
    return session.execute(
        select(
            TrainingSetRow.id,
            TrainingSetRow.cutoff,
            TrainingSetRow.row_count,
            TrainingSetRow.counts,
            TrainingSetRow.dropped,
            TrainingSetRow.redacted_at,
        )
        .where(TrainingSetRow.persona_id == persona.id, of_everyone())
        .order_by(TrainingSetRow.id.desc())
        .limit(NEWEST)
    ).all()


def _decisions(session: Session, persona: PersonaRow) -> Sequence[Line]:
    candidate, champion = aliased(AdapterVersionRow), aliased(AdapterVersionRow)
    theirs = aliased(EvaluationReportRow)
    return session.execute(
        select(
            GateDecisionRow.id,
            GateDecisionRow.verdict,
            GateDecisionRow.created_at,
            candidate.number.label("candidate"),
            champion.number.label("champion"),
        )
        .join(GateDecisionRow.candidate_report)
        .join(candidate, candidate.id == EvaluationReportRow.adapter_version_id)
        .join(theirs, theirs.id == GateDecisionRow.champion_report_id)
        .join(champion, champion.id == theirs.adapter_version_id)
        .where(candidate.persona_id == persona.id)
        .order_by(GateDecisionRow.id.desc())
        .limit(NEWEST)
    ).all()
