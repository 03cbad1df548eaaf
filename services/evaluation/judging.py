"""People judge too: the next two answers for a judge who sees neither version nor side, and what all chose.

Open items alone are shown, each in an order of its own for each judge; where both versions said the same
there is nothing to choose. A choice is kept as it was made first.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.judgement_tables import JudgementRow
from services.db.lineage_tables import EvaluationReportRow, EvaluationSuiteRow
from services.domain.checks import LEAST_WITNESSES
from services.domain.conversation import Question
from services.domain.feedback import Choice
from services.domain.statistics import paired_difference
from services.errors.lookups import UnknownItem
from services.errors.refusals import ReportsNotComparable
from services.evaluation.reports import version_report
from services.evaluation.side_by_side import Answers, open_answers
from services.evaluation.suites import suite_items

_ALPHA = 0.025  # at either end: an interval of 95 %


class Preferred(StrEnum):
    CANDIDATE = "candidate"
    CHAMPION = "champion"
    TIE = "tie"
    BOTH_BAD = "both bad"


@dataclass(frozen=True, slots=True)
class Turn:
    """Two answers as they stand on the page; `judged` of `items` were judged by this judge before."""

    key: str
    question: Question
    left: str
    right: str
    judged: int
    items: int


@dataclass(frozen=True, slots=True)
class People:
    """What people chose so far. `share` is the candidate's, ties and pairs of bad answers counted by half,
    between `low` and `high` with 95 % certainty for these judges; None on too few conversations.
    """

    counts: dict[Preferred, int]
    judges: int
    share: float
    low: float | None
    high: float | None

    @property
    def judgements(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Contest:
    """The reports of two versions on one suite."""

    candidate: EvaluationReportRow
    champion: EvaluationReportRow

    def different_answers(self, session: Session) -> list[Answers]:
        items = suite_items(session, self.candidate.suite_digest)
        both = (answers for _, answers in open_answers(self.candidate, self.champion, items))
        return [one for one in both if one.candidate.strip() != one.champion.strip()]


def contest(session: Session, *, candidate_report: int, champion_report: int) -> Contest:
    """Raises UnknownRecord, and ReportsNotComparable for one report twice, of two suites, of no version."""
    candidate, champion = (version_report(session, one) for one in (candidate_report, champion_report))
    if candidate.id == champion.id:
        raise ReportsNotComparable(f"both are report {candidate.id}")
    if candidate.suite_digest != champion.suite_digest:
        raise ReportsNotComparable("their suites differ")
    return Contest(candidate, champion)


def next_turn(session: Session, between: Contest, *, judge: str) -> Turn | None:
    """What the judge has not judged yet, in an order of this judge's own; None when all is."""
    chosen = select(JudgementRow.item_key).where(*_of(between), JudgementRow.judge == judge)
    done = set(session.scalars(chosen))
    everything = between.different_answers(session)
    waiting = [one for one in everything if one.key not in done]
    if not waiting:
        return None
    shown = min(waiting, key=lambda one: _drawn(between, judge, one.key))
    sides = (shown.candidate, shown.champion)
    left, right = sides if candidate_is_left(between, judge, shown.key) else sides[::-1]
    judged = len(everything) - len(waiting)
    return Turn(shown.key, shown.question, left, right, judged, len(everything))


def judge_item(
    session: Session, between: Contest, *, key: str, judge: str, choice: Choice, at: datetime
) -> None:
    """Keep what a judge chose; one of a judge's choices on an item counts, the first.

    Raises UnknownItem for what is not shown to judges.
    """
    if all(one.key != key for one in between.different_answers(session)):
        raise UnknownItem(key)
    session.execute(
        insert(JudgementRow)
        .values(
            candidate_report_id=between.candidate.id,
            champion_report_id=between.champion.id,
            item_key=key,
            judge=judge,
            choice=_preferred(choice, is_left=candidate_is_left(between, judge, key)),
            at=at,
        )
        .on_conflict_do_nothing(constraint="judgements_once_uq")
    )


def candidate_is_left(between: Contest, judge: str, key: str) -> bool:
    return _drawn(between, judge, key)[-1] % 2 == 0


def what_people_prefer(session: Session, between: Contest) -> People | None:
    """None before anybody judged."""
    rows = session.scalars(select(JudgementRow).where(*_of(between))).all()
    if not rows:
        return None
    # Read as stored: a suite that texts were taken out of still says which items belong together.
    suite = session.get_one(EvaluationSuiteRow, between.candidate.suite_digest)
    clusters = {item["key"]: item.get("cluster") or item["key"] for item in suite.items}
    _, numbers = np.unique([clusters.get(row.item_key, row.item_key) for row in rows], return_inverse=True)
    points = {Preferred.CANDIDATE: 1.0, Preferred.CHAMPION: -1.0}
    choices = [Preferred(row.choice) for row in rows]
    values = np.array([points.get(choice, 0.0) for choice in choices])
    net = paired_difference(values, numbers, np.ones(len(rows)), step=1.0)
    told = net.witnesses >= LEAST_WITNESSES
    return People(
        counts={one: Counter(choices)[one] for one in Preferred},
        judges=len({row.judge for row in rows}),
        share=_share(net.mean),
        low=_share(net.low(_ALPHA)) if told else None,
        high=_share(net.high(_ALPHA)) if told else None,
    )


def _share(net: float) -> float:
    return min(max((1 + net) / 2, 0.0), 1.0)


def _preferred(choice: Choice, *, is_left: bool) -> Preferred:
    match choice:
        case Choice.TIE:
            return Preferred.TIE
        case Choice.BOTH_BAD:
            return Preferred.BOTH_BAD
        case Choice.LEFT | Choice.RIGHT:
            return Preferred.CANDIDATE if (choice is Choice.LEFT) == is_left else Preferred.CHAMPION


def _drawn(between: Contest, judge: str, key: str) -> bytes:
    said = f"{between.candidate.id} {between.champion.id} {key} {judge}"
    return hashlib.sha256(said.encode()).digest()


def _of(between: Contest) -> tuple[ColumnElement[bool], ...]:
    return (
        JudgementRow.candidate_report_id == between.candidate.id,
        JudgementRow.champion_report_id == between.champion.id,
    )
