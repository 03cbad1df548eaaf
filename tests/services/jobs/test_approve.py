"""Approving as a job, and with the promotion in one go, as a run does whose form says why."""

import pytest

from services.adapters.approvals import approval_of
from services.db.session import session_scope
from services.errors.inputs import EmptyText
from services.errors.refusals import NOT_NOW, NotApproved, NotPassed
from services.evaluation.fingerprints import take_fingerprint
from services.jobs.approve import approve_in
from services.jobs.installation import Installation
from services.jobs.promote import promote_with
from tests.builders import AT, add_persona
from tests.lineage_builders import add_decision, add_version, unguarded


def decided(installation: Installation, verdict: str) -> int:
    """A decision whose policy asks for an approval, on a version that is served as it was evaluated."""
    with session_scope(installation.engine) as session:
        version = add_version(session, add_persona(session))
        decision = add_decision(session, version, verdict=verdict, policy={"approval": True})
        served = take_fingerprint(installation.generator, version.name, sleep=lambda _: None)
        with unguarded(session):
            decision.candidate_report.fingerprint = served.as_record()
        return decision.id


def approved_by(installation: Installation, decision_id: int) -> str | None:
    with session_scope(installation.engine) as session:
        row = approval_of(session, decision_id)
        return row.actor if row else None


def test_what_passed_waits_until_a_run_brings_an_approval(installation: Installation):
    decision_id = decided(installation, "PASS")
    with pytest.raises(NotApproved) as waits:
        promote_with(installation, decision_id, "night 1")
    assert isinstance(waits.value, NOT_NOW)  # the night's task is skipped with the sentence
    moved = promote_with(installation, decision_id, "by hand 2", approval="I read all of it")
    assert (moved["kind"], moved["serves"]) == ("full", 1)
    assert approved_by(installation, decision_id) == "by hand 2"


def test_a_runs_approval_is_of_what_passes_only(installation: Installation):
    decision_id = decided(installation, "INSUFFICIENT")
    with pytest.raises(NotPassed):
        promote_with(installation, decision_id, "by hand", approval="whatever comes")
    assert approved_by(installation, decision_id) is None


def test_an_approval_says_why(installation: Installation):
    decision_id = decided(installation, "PASS")
    with session_scope(installation.engine) as session, pytest.raises(EmptyText):
        approve_in(session, decision_id, " ", "me", at=AT)
