"""Stored reports as evidence: order, clusters, seals and what each metric measures."""

import numpy as np
import pytest
from sqlalchemy.orm import Session

from services.adapters.promotions import version_by_number
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import EvaluationReportRow
from services.domain.conversation import Question
from services.domain.evaluation import SEALED_SHARE, Item, ItemSource
from services.domain.examples import Reference
from services.domain.splits import split_key
from services.errors.refusals import ReportsNotComparable
from services.evaluation.evidence import evidence_of, suite_of
from services.evaluation.reports import store_report
from services.evaluation.scoring import score, score_choice, score_pair
from services.evaluation.suites import compose_items, freeze_suite
from tests.builders import AT, add_answer, add_persona

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


def of_prompt(number: int, cluster: str) -> tuple[Item, Item]:
    """A held-out prompt and a pair of it."""
    asked = Question(f"Why is it {number}?", domain="physics", audience="student")
    return (
        Item(f"prompt {number}", ItemSource.HOLDOUT, asked, "So.", "", cluster=cluster),
        Item(f"pair of {number}", ItemSource.PAIR, asked, "So.", "", rejected="Dunno.", cluster=cluster),
    )


def test_a_prompt_is_sealed_with_its_pairs_and_frozen_suites_never():
    asked = [item for number in range(800) for item in of_prompt(number, "one conversation")]
    sealed = suite_of(asked).sealed.reshape(800, 2)
    assert (sealed[:, 0] == sealed[:, 1]).all()
    assert sealed[:, 0].mean() == pytest.approx(SEALED_SHARE, abs=0.05)
    frozen = [
        Item(f"safety/refusal/{one}", ItemSource.SAFETY, WHY, "No.", "", rejected="Yes!") for one in range(50)
    ]
    assert not suite_of(frozen).sealed.any()


def test_being_asked_later_leaves_a_prompt_where_it_was_sealed():
    imported, asked = (
        suite_of([item for number in range(50) for item in of_prompt(number, cluster)]).sealed.tolist()
        for cluster in ("", "a conversation of later")
    )
    assert imported == asked


def test_an_imported_prompt_and_its_pairs_are_one_cluster(session: Session):
    persona = add_persona(session)
    asked = add_answer(session, persona, question="Why is grass green?").question
    known = Question(asked.text, asked.domain, asked.audience)
    references = [
        Reference(key, split_key(question), question, text, rejected)
        for key, question in (("imported", WHY), (asked.prompt_key, known))
        for text, rejected in (("So.", ""), ("So.", "Dunno."))
    ]
    items = compose_items(session, persona, held_out=references, cutoff=AT)[:4]
    assert suite_of(items).clusters.tolist() == [0, 0, 1, 1]


def test_a_report_of_a_release_that_measured_otherwise_is_no_evidence(report: EvaluationReportRow):
    first, *others = report.items
    report.items = [{name: value for name, value in first.items() if name != "fact_hit"}, *others]
    with pytest.raises(ReportsNotComparable, match=f"report {report.id} is of another release"):
        evidence_of(report, ITEMS)


def test_a_report_of_before_newer_metrics_is_evidence_without_them(report: EvaluationReportRow):
    """What stored decisions rest on stays readable: they are replayed to the same verdict."""
    before = evidence_of(report, ITEMS)
    newer = {"repetition", "adherence", "semantic_similarity"}
    report.items = [{name: one[name] for name in one if name not in newer} for one in report.items]
    after = evidence_of(report, ITEMS)
    assert before.scores.keys() - after.scores.keys() == {"repetition"}
    for name, scores in after.scores.items():
        assert np.array_equal(scores.values, before.scores[name].values, equal_nan=True)
