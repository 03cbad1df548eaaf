"""How fast items come in that a decision could rest on: those that an earlier suite of the persona lacks."""

from datetime import timedelta

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.lineage_tables import EvaluationReportRow, EvaluationSuiteRow
from services.domain.checks import Check
from services.domain.evaluation import OVERALL
from services.domain.evidence import Mask
from services.domain.gate import Decision
from services.domain.outlook import Arrivals
from services.evaluation.evidence_file import Case

# Four weeks even out weekends; from less than half a day no rate can be told.
LOOKED_BACK = timedelta(days=28)
LEAST = timedelta(hours=12)


def arrivals(
    session: Session, candidate: EvaluationReportRow, case: Case, decision: Decision
) -> Arrivals | None:
    """What came in for each check since the first suite of the last four weeks; None where there is none."""
    suite = session.get_one(EvaluationSuiteRow, candidate.suite_digest)
    earlier = session.scalar(
        select(EvaluationSuiteRow)
        .where(
            EvaluationSuiteRow.persona_id == suite.persona_id,
            EvaluationSuiteRow.created_at >= suite.created_at - LOOKED_BACK,
            EvaluationSuiteRow.created_at <= suite.created_at - LEAST,
        )
        .order_by(EvaluationSuiteRow.created_at)
        .limit(1)
    )
    if earlier is None:
        return None
    known, used = {item["key"] for item in earlier.items}, set(decision.used)
    new = np.array([key in used and key not in known for key in case.items.keys], dtype=bool)
    counts = {
        (check.metric, check.slice): int((new & _measured(case, check, decision)).sum())
        for check in decision.checks
    }
    return Arrivals(counts, (suite.created_at - earlier.created_at) / timedelta(days=1))


def _measured(case: Case, check: Check, decision: Decision) -> Mask:
    scores = case.candidate.scores.get(check.metric)
    if scores is None:
        return np.zeros_like(case.items.sealed)
    return ~np.isnan(scores.values) & _of_slice(case, check.slice, {one.slice for one in decision.checks})


def _of_slice(case: Case, name: str, judged: set[str]) -> Mask:
    """The items of a slice as a check names it; a name that no item bears is that of all small strata."""
    if name == OVERALL:
        return np.ones_like(case.items.sealed)
    if name in case.items.slices:
        return case.items.slices[name]
    small = name not in case.items.strata
    return np.array(
        [
            stratum == name or (small and bool(stratum) and stratum not in judged)
            for stratum in case.items.strata
        ],
        dtype=bool,
    )
