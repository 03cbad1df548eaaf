"""The instruments that answers are measured with: the same for a retry, and new ones for the same answers."""

from pathlib import Path

import pytest

from services.db.lineage_tables import EvaluationReportRow, GateDecisionRow
from services.db.session import session_scope
from services.evaluation.decisions import decide_again
from services.jobs import evaluate
from services.jobs.installation import Installation
from services.language_model.asking import BASE_NAME
from tests.fakes import FakeGenerator
from tests.services.jobs.arms import add_judged_version, add_scholar, newer_version, shown
from tests.services.jobs.evaluating import decide


@pytest.fixture
def version_id(installation: Installation, tmp_path: Path) -> int:
    return add_judged_version(installation, tmp_path)


def test_another_personas_texts_train_the_classifier_and_a_retry_finds_the_same(
    installation: Installation, version_id: int, tmp_path: Path
):
    """Sets that come later teach nothing: every report of a candidate is measured with one classifier."""
    add_scholar(installation, tmp_path, "scholar")
    newer = newer_version(installation, tmp_path, version_id)
    first = evaluate.evaluate_with(installation, newer)
    with session_scope(installation.engine) as session:
        for report_id in (first["candidate"], first["base"], first["arms"]["three examples"]):
            metrics = {one["name"] for one in session.get_one(EvaluationReportRow, report_id).metrics}
            assert {"adherence", "adherence_auc"} <= metrics
    add_scholar(installation, tmp_path, "later-scholar")
    assert evaluate.evaluate_with(installation, newer) == first


def test_with_another_classifier_answers_are_measured_anew_and_nobody_is_asked_again(
    installation: Installation, generator: FakeGenerator, version_id: int, tmp_path: Path
):
    before = evaluate.evaluate_with(installation, version_id)
    add_scholar(installation, tmp_path, "scholar")
    newer = newer_version(installation, tmp_path, version_id)
    generator.requests.clear()
    after = evaluate.evaluate_with(installation, newer)

    assert [one for one in generator.requests if one.model == BASE_NAME and not shown(one)] == []
    with session_scope(installation.engine) as session:
        was, now = (session.get_one(EvaluationReportRow, one["champion"]) for one in (before, after))
        assert (was.id != now.id, was.suite_digest, was.version) == (True, now.suite_digest, now.version)
        assert (was.fingerprint, was.seconds) == (now.fingerprint, now.seconds)
        for old, new in zip(was.items, now.items, strict=True):
            assert {**old, "adherence": None} == {**new, "adherence": None}
        assert now.items[0]["adherence"] is not None
        decision = decide(installation, after)
        again = decide_again(
            session, session.get_one(GateDecisionRow, decision), store_url=installation.settings.store_url
        )
        assert again.unbound == ()
