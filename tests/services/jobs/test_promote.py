"""Promoting as a job: the candidate must be served as it was evaluated, by a server that is there."""

from dataclasses import dataclass, replace

import pytest
from sqlalchemy import select

from services.adapters.promoting import start_canary
from services.adapters.promotions import who_serves
from services.db.lineage_tables import AdapterVersionRow, GateDecisionRow, PromotionRow
from services.db.session import session_scope
from services.domain.conversation import Message
from services.domain.fingerprint import Fingerprint
from services.errors.outages import InferenceUnavailable
from services.errors.refusals import FingerprintChanged, NotPassed
from services.evaluation.fingerprints import take_fingerprint
from services.jobs.installation import Installation
from services.jobs.promote import promote_with
from services.jobs.rollback import rollback_with
from tests.builders import AT, add_persona
from tests.fakes import FACTS, FakeGenerator
from tests.lineage_builders import add_decision, add_version, unguarded

DOWN = InferenceUnavailable("http://127.0.0.1:1")


@dataclass
class Moody(FakeGenerator):
    """Gives each token this log-probability."""

    mood: float = -1.0

    def log_probabilities(
        self, model: str, messages: tuple[Message, ...], completion: str
    ) -> tuple[float, ...]:
        return tuple(self.mood for _ in super().log_probabilities(model, messages, completion))


@pytest.fixture
def generator() -> Moody:
    return Moody()


@pytest.fixture
def installation(installation: Installation, generator: Moody) -> Installation:
    return replace(installation, generator=generator)


@pytest.fixture
def decision_id(installation: Installation, generator: Moody) -> int:
    """A decision to pass a version that was evaluated on the server as it is."""
    return decided(installation, take_fingerprint(generator, "pirate@1", sleep=lambda _: None))


def decided(installation: Installation, fingerprint: Fingerprint | None, verdict: str = "PASS") -> int:
    with session_scope(installation.engine) as session:
        persona = add_persona(session)
        decision = add_decision(session, add_version(session, persona), verdict=verdict)
        with unguarded(session):
            decision.candidate_report.fingerprint = fingerprint.as_record() if fingerprint else None
        return decision.id


def serving(installation: Installation, decision_id: int) -> int:
    with session_scope(installation.engine) as session:
        decision = session.get_one(GateDecisionRow, decision_id)
        return who_serves(session, decision.candidate_report.version.persona).number


def test_a_candidate_that_is_served_as_it_was_evaluated_is_promoted(
    installation: Installation, decision_id: int
):
    assert promote_with(installation, decision_id, "test")["serves"] == 1


def test_a_night_begins_a_canary_where_the_policy_asks_for_one_and_the_champion_goes_on(
    installation: Installation, decision_id: int
):
    with session_scope(installation.engine) as session:
        persona = session.get_one(GateDecisionRow, decision_id).candidate_report.version.persona
        persona.canary_policy = {"share": 0.2}
    moved = promote_with(installation, decision_id, "nightly_retrain of today")
    assert (moved["kind"], moved["version"], moved["serves"]) == ("canary", 1, 0)
    with session_scope(installation.engine) as session:
        (row,) = session.scalars(select(PromotionRow))
        assert (row.kind, row.share, row.decision_id) == ("canary", 0.2, decision_id)
    again = promote_with(installation, decision_id, "nightly_retrain of today")
    assert (again["promotion_id"], again["already"]) == (moved["promotion_id"], True)


def test_on_a_changed_server_nothing_moves_and_what_changed_is_told(
    installation: Installation, generator: Moody, decision_id: int
):
    generator.server = replace(FACTS, packages={"torch": "2.14.0"})
    with pytest.raises(FingerprintChanged, match=r"torch is 2\.14\.0, not 2\.13\.0"):
        promote_with(installation, decision_id, "test")
    assert serving(installation, decision_id) == 0


def test_a_candidate_that_answers_otherwise_is_not_promoted(
    installation: Installation, generator: Moody, decision_id: int
):
    generator.mood = -1.2
    with pytest.raises(FingerprintChanged, match=r"0\.200 nats a token apart"):
        promote_with(installation, decision_id, "test")
    assert serving(installation, decision_id) == 0


def test_a_report_that_does_not_say_how_it_was_served_promotes_nobody(installation: Installation):
    decision_id = decided(installation, None)
    with pytest.raises(FingerprintChanged, match="does not say how it was served"):
        promote_with(installation, decision_id, "test")


def test_without_the_server_nothing_moves_until_it_is_back(
    installation: Installation, generator: Moody, decision_id: int
):
    generator.problem = DOWN
    with pytest.raises(InferenceUnavailable):
        promote_with(installation, decision_id, "test")
    with session_scope(installation.engine) as session:
        assert session.scalar(select(PromotionRow)) is None
    generator.problem = None
    assert promote_with(installation, decision_id, "test")["serves"] == 1


def test_a_promotion_that_was_made_is_told_again_without_asking(
    installation: Installation, generator: Moody, decision_id: int
):
    first = promote_with(installation, decision_id, "test")
    generator.problem = DOWN
    assert promote_with(installation, decision_id, "test") == {**first, "already": True}


def test_what_a_canary_was_asked_before_it_ended_is_asked_again(
    installation: Installation, generator: Moody, decision_id: int
):
    with session_scope(installation.engine) as session:
        canary = start_canary(
            session, decision_id=decision_id, share=0.5, actor="test", reason="to try it", at=AT
        )
        slug = canary.version.persona.slug
    rollback_with(installation, slug, None, "not today", "test")
    generator.mood = -1.2
    with pytest.raises(FingerprintChanged):
        promote_with(installation, decision_id, "test")
    assert serving(installation, decision_id) == 0


def test_a_night_that_did_not_pass_asks_nobody(installation: Installation, generator: Moody):
    generator.problem = DOWN
    with pytest.raises(NotPassed):
        promote_with(installation, decided(installation, None, verdict="INSUFFICIENT"), "test")


def test_rolling_back_and_reinstating_need_no_server(
    installation: Installation, generator: Moody, decision_id: int
):
    promote_with(installation, decision_id, "test")
    generator.problem = DOWN
    with session_scope(installation.engine) as session:
        slug = (
            session.scalars(select(AdapterVersionRow).where(AdapterVersionRow.number == 1)).one().persona.slug
        )
    assert rollback_with(installation, slug, None, "worse", "test")["serves"] == 0
    assert rollback_with(installation, slug, 1, "better after all", "test")["serves"] == 1
