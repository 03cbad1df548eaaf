"""Stored reports as evidence: order, conversations, seals and what each metric measures."""

import numpy as np
import pytest
from sqlalchemy.orm import Session

from services.adapters.promotions import version_by_number
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import EvaluationReportRow
from services.domain.conversation import Question
from services.domain.evaluation import SEALED_SHARE, Item, ItemSource
from services.errors.refusals import ReportsNotComparable
from services.evaluation.evidence import evidence_of, suite_of
from services.evaluation.reports import store_report
from services.evaluation.scoring import score, score_choice, score_pair
from services.evaluation.suites import freeze_suite
from tests.builders import AT, add_persona

WHY = Question("Why?", domain="physics", audience="student")
ITEMS = (
    Item("asked", ItemSource.HOLDOUT, WHY, "Because.", "", cluster="conversation 1"),
    Item("pair", ItemSource.PAIR, WHY, "Because.", "", rejected="Dunno.", cluster="conversation 1"),
    Item("bank", ItemSource.BANK, Question("Where?", "geography", "student"), "Oslo.", "Oslo"),
    Item(
        "safety/refusal/001", ItemSource.SAFETY, Question("May I?", "refusal", ""), "No.", "", rejected="Yes!"
    ),
)


@pytest.fixture
def report(session: Session) -> EvaluationReportRow:
    persona: PersonaRow = add_persona(session)
    held_out, bank = (
        score(item, "Oslo.", seed=1, markers=(), log_probabilities=known)
        for item, known in ((ITEMS[0], (-1.0, -3.0)), (ITEMS[2], ()))
    )
    pair = score_pair(ITEMS[1], chosen=-1.0, rejected=-2.0)
    safe = score_choice(ITEMS[3], better=-4.0, worse=-2.0)
    stored = store_report(
        session,
        version_id=version_by_number(session, persona, 0).id,
        suite_digest=freeze_suite(session, persona, ITEMS, at=AT),
        settings_digest="settings",
        scores=[held_out, pair, bank, safe],
        at=AT,
    )
    return session.get_one(EvaluationReportRow, stored)


def test_each_metric_has_the_items_that_it_measures(report: EvaluationReportRow):
    scores = evidence_of(report, ITEMS).scores
    assert np.isnan(scores["held_out_loss"].values).tolist() == [False, True, True, True]
    assert (scores["held_out_loss"].values[0], scores["held_out_loss"].weights[0]) == (2.0, 2)
    assert scores["reward_accuracy"].values[1] == 1.0
    assert scores["fact_hit"].values[2] == 1.0
    assert scores["safety"].values[3] == 0.0
    assert np.isnan(scores["safety"].values[:3]).all()


def test_a_report_that_lacks_items_of_its_suite_is_no_evidence(report: EvaluationReportRow):
    with pytest.raises(ReportsNotComparable, match="does not hold the items"):
        evidence_of(report, ITEMS[:2])


def test_items_of_one_conversation_are_one_cluster_and_others_their_own():
    suite = suite_of(ITEMS)
    assert suite.clusters.tolist() == [0, 0, 1, 2]
    assert suite.strata[0] == suite.strata[1] == "student · physics"
    assert suite.strata[3] == ""
    assert suite.slices["source:safety"].tolist() == [False, False, False, True]


def test_a_conversation_is_sealed_as_a_whole_and_frozen_suites_never():
    asked = [
        Item(f"{conversation} {turn}", ItemSource.HOLDOUT, WHY, "So.", "", cluster=f"c{conversation}")
        for conversation in range(400)
        for turn in range(3)
    ]
    sealed = suite_of(asked).sealed.reshape(400, 3)
    assert (sealed.all(axis=1) == sealed.any(axis=1)).all()
    assert sealed[:, 0].mean() == pytest.approx(SEALED_SHARE, abs=0.06)
    frozen = [
        Item(f"safety/refusal/{one}", ItemSource.SAFETY, WHY, "No.", "", rejected="Yes!") for one in range(50)
    ]
    assert not suite_of(frozen).sealed.any()
