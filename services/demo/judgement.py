"""What the night's reports say: figures before and after, answers side by side, checks. Only reads."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona, version_by_number
from services.db.lineage_tables import (
    AdapterVersionRow,
    EvaluationReportRow,
    GateDecisionRow,
    PromotionRow,
)
from services.demo.chance import shuffled
from services.domain.evaluation import FACT_HIT, STYLE_HIT, ItemSource
from services.domain.personas import AUDIENCES
from services.domain.promotions import BASE_VERSION, PromotionKind

BANK_SLICE = f"source:{ItemSource.BANK}"


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of answers to questions nobody was shown for rating."""

    style_hit: float
    fact_hit: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One question nobody rated, answered before the night and after it."""

    question: str
    audience: str
    domain: str
    before: str
    after: str
    before_right: bool
    after_right: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """The newest decision on a persona. `promotion_id` is None unless it was promoted."""

    verdict: str
    checks: list[dict[str, Any]]
    version: int
    champion: int
    base: Figures
    before: Figures
    after: Figures
    samples: tuple[Sample, ...]
    promotion_id: int | None


def read_judgement(session: Session, slug: str, *, seed: int) -> Judgement | None:
    """None when the persona was never judged. Samples are drawn by `seed`, not chosen."""
    decision = session.scalar(
        select(GateDecisionRow)
        .join(EvaluationReportRow, GateDecisionRow.candidate_report_id == EvaluationReportRow.id)
        .join(AdapterVersionRow)
        .where(AdapterVersionRow.persona_id == find_persona(session, slug).id)
        .order_by(GateDecisionRow.id.desc())
        .limit(1)
    )
    if decision is None:
        return None
    candidate, champion = decision.candidate_report, decision.champion_report
    return Judgement(
        verdict=decision.verdict,
        checks=list(decision.checks),
        version=candidate.version.number,
        champion=champion.version.number,
        base=_figures(_base_report(session, slug, candidate)),
        before=_figures(champion),
        after=_figures(candidate),
        samples=_samples(champion, candidate, seed=seed),
        promotion_id=session.scalar(
            select(PromotionRow.id).where(
                PromotionRow.decision_id == decision.id, PromotionRow.kind == PromotionKind.FULL
            )
        ),
    )


def _base_report(session: Session, slug: str, candidate: EvaluationReportRow) -> EvaluationReportRow:
    base = version_by_number(session, find_persona(session, slug), BASE_VERSION)
    return session.scalars(
        select(EvaluationReportRow).where(
            EvaluationReportRow.adapter_version_id == base.id,
            EvaluationReportRow.suite_digest == candidate.suite_digest,
            EvaluationReportRow.settings_digest == candidate.settings_digest,
        )
    ).one()


def _figures(report: EvaluationReportRow) -> Figures:
    found = {metric["name"]: metric["value"] for metric in report.metrics if metric["slice"] == BANK_SLICE}
    return Figures(style_hit=found[STYLE_HIT.name], fact_hit=found[FACT_HIT.name])


def _samples(
    champion: EvaluationReportRow, candidate: EvaluationReportRow, *, seed: int
) -> tuple[Sample, ...]:
    """One question for each audience."""
    after = {scored["item"]["key"]: scored for scored in candidate.items}
    asked = [scored for scored in champion.items if scored["item"]["source"] == ItemSource.BANK]
    drawn: dict[str, Sample] = {}
    for scored in shuffled(asked, seed, "samples"):
        question = scored["item"]["question"]
        sample = Sample(
            question=question["text"],
            audience=question["audience"],
            domain=question["domain"],
            before=scored["answer"],
            after=after[scored["item"]["key"]]["answer"],
            before_right=bool(scored["fact_hit"]),
            after_right=bool(after[scored["item"]["key"]]["fact_hit"]),
        )
        drawn.setdefault(sample.audience, sample)
    return tuple(drawn[audience] for audience in AUDIENCES if audience in drawn)
