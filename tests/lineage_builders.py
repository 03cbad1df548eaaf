"""Rows of what the loop makes of feedback, with valid defaults for tests: versions,
canaries, reports, decisions, sets and runs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from services.adapters.promoting import promote, start_canary
from services.adapters.promotions import anchor_of, who_serves
from services.db.feedback_tables import (
    AnswerRow,
    PersonaRow,
)
from services.db.lineage_tables import (
    AdapterVersionRow,
    EvaluationReportRow,
    GateDecisionRow,
    PromotionRow,
    TrainingRunRow,
    TrainingSetRow,
)
from services.domain.checks import Asked, Check, Verdict
from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.feedback import AnswerId, RaterId
from services.domain.gate import GATE_VERSION
from services.domain.training import Recipe, RunState
from services.evaluation.reports import find_report, store_report
from services.evaluation.scoring import score
from services.evaluation.suites import freeze_suite
from services.feedback.rating import rate
from tests.builders import AT, add_answer, asker_of


def add_version(
    session: Session,
    persona: PersonaRow,
    *,
    number: int = 1,
    digest: str = "",
    base: str = "the only base",
) -> AdapterVersionRow:
    """A trained version that has not served anyone; without a digest it gets one of its number."""
    digest = digest or f"{number:012x}" + "0" * 52
    version = AdapterVersionRow(
        persona_id=persona.id,
        number=number,
        digest=digest,
        name=f"{persona.slug}@{digest[:12]}",
        provenance={"base_digest": base},
        created_at=AT,
    )
    session.add(version)
    session.flush()
    return version


def add_serving_version(
    session: Session, persona: PersonaRow, *, number: int = 1, digest: str = "", base: str = "the only base"
) -> AdapterVersionRow:
    """A trained version of the persona that a decision let serve from now on."""
    version = add_version(session, persona, number=number, digest=digest, base=base)
    promote(session, decision_id=add_decision(session, version, verdict="PASS").id, actor="test", at=AT)
    return version


def mark_learnt_by(version: AdapterVersionRow, recipe: Recipe) -> None:
    """As its provenance is where training by this recipe made it."""
    version.provenance = {
        "lora": asdict(recipe.lora),
        "new_tokens": {},
        "base_model": recipe.model.portable_name,
        "base_revision": recipe.model.revision,
    }


@contextmanager
def unguarded(session: Session) -> Iterator[None]:
    """In the block the database refuses nothing, as if somebody had taken its triggers away."""
    session.flush()
    session.execute(sql("SET LOCAL session_replication_role = replica"))
    yield
    session.flush()
    session.execute(sql("SET LOCAL session_replication_role = origin"))


def add_canary(
    session: Session,
    persona: PersonaRow,
    *,
    number: int,
    share: float = 0.5,
    verdict: str = "PASS",
    at: datetime = AT,
) -> PromotionRow:
    """The ledger's row of a canary of a version that was just trained and judged."""
    decision = add_decision(session, add_version(session, persona, number=number), verdict=verdict)
    return start_canary(
        session, decision_id=decision.id, share=share, actor="test", reason="a test asked for it", at=at
    )


def add_drawn_answer(
    session: Session, canary: PromotionRow, *, tried: bool, rater: RaterId | None = None, stars: int = 0
) -> AnswerRow:
    """An answer drawn in a canary, its version's if `tried`, else the champion's; the asker gives `stars`."""
    answer = add_answer(session, canary.version.persona, rater=rater)
    share = canary.share or 0.0
    answer.promotion_id, answer.propensity = canary.id, share if tried else 1 - share
    if tried:
        answer.adapter_version_id, answer.served_name = canary.adapter_version_id, canary.version.name
    session.flush()
    if stars:
        rate(
            session,
            answer_id=AnswerId(answer.id),
            rater=asker_of(answer),
            stars=stars,
            submission=uuid4(),
            at=AT,
        )
    return answer


def add_answers(session: Session, version: AdapterVersionRow, *, right: int) -> int:
    """The id of a report of a version that knew the first so many of 40 answers."""
    items = [
        Item(
            f"key {number}", ItemSource.BANK, Question(f"Is it {number}?", "music", "student"), "So.", "oslo"
        )
        for number in range(40)
    ]
    scores = [
        score(item, "Oslo." if number < right else "Rome.", seed=1, markers=(), log_probabilities=())
        for number, item in enumerate(items)
    ]
    suite = freeze_suite(session, version.persona, items, at=AT)
    return store_report(
        session, version_id=version.id, suite_digest=suite, settings_digest="s", scores=scores, at=AT
    )


def add_report(
    session: Session, version: AdapterVersionRow, *, items: Sequence[Item] = (), **metrics: float
) -> EvaluationReportRow:
    """A report of a version on an empty suite, or on another one, each metric over 300 items."""
    suite = freeze_suite(session, version.persona, items, at=AT)
    report = EvaluationReportRow(
        adapter_version_id=version.id,
        suite_digest=suite,
        prompt_version="1",
        settings_digest="settings",
        metrics=[
            {"name": name, "slice": "overall", "value": value, "items": 300}
            for name, value in metrics.items()
        ],
        items=[],
        created_at=AT,
    )
    session.add(report)
    session.flush()
    return report


def add_decision(
    session: Session,
    version: AdapterVersionRow,
    *,
    verdict: str,
    checks: Iterable[dict[str, Any]] | None = None,
    policy: Mapping[str, Any] = MappingProxyType({}),
) -> GateDecisionRow:
    """A stored decision on a version against who serves and the anchor, with the verdict a test needs."""
    champion = session.get_one(AdapterVersionRow, who_serves(session, version.persona).version_id)
    suite = freeze_suite(session, version.persona, [], at=AT)

    def reported(one: AdapterVersionRow) -> int:
        known = find_report(session, version_id=one.id, suite_digest=suite, settings_digest="settings")
        return (known or add_report(session, one)).id

    decision = GateDecisionRow(
        candidate_report_id=reported(version),
        champion_report_id=reported(champion),
        anchor_report_id=reported(anchor_of(session, version) or champion),
        gate_version=GATE_VERSION,
        policy=dict(policy),
        policy_digest=uuid4().hex,
        verdict=verdict,
        checks=[asdict(limit_check(verdict))] if checks is None else list(checks),
        created_at=AT,
    )
    session.add(decision)
    session.flush()
    return decision


def limit_check(verdict: str) -> Check:
    """What a decision of this verdict could rest on."""
    told = {"PASS": "0.900 is at least 0.500", "FAIL": "0.400 is below 0.500"}
    return Check(
        asked=Asked.LIMIT,
        metric="style_hit",
        slice="overall",
        against=None,
        required=0.5,
        items=300,
        verdict=Verdict(verdict),
        reason=told.get(verdict, "measured on 30 items, and 100 are needed"),
    )


def add_training_set(session: Session, persona: PersonaRow, **given: Any) -> TrainingSetRow:
    values: dict[str, Any] = {
        "cutoff": AT,
        "policy": {},
        "policy_digest": uuid4().hex,
        "digest": uuid4().hex,
        "path": "nowhere",
        "row_count": 412,
        "counts": {},
        "dropped": {},
        "plan": {"stages": ["sft", "dpo"], "reasons": ["SFT: 300 demonstrations"], "label_smoothing": 0.1},
        "created_at": AT,
    }
    row = TrainingSetRow(persona=persona, **(values | given))
    session.add(row)
    session.flush()
    return row


def add_run(session: Session, training_set: TrainingSetRow, *, state: RunState) -> TrainingRunRow:
    run = TrainingRunRow(
        training_set_id=training_set.id,
        recipe={},
        recipe_digest="recipe",
        starting_digest="",
        state=state,
        started_at=AT,
    )
    session.add(run)
    session.flush()
    return run
