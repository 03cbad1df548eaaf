"""Where reports were weak: sealed items have no say, and the target counts whether it has a margin or not."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import count, islice

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.promotions import version_by_number
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import EvaluationReportRow
from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.gate_policy import GatePolicy, Requirement, with_kept
from services.evaluation.reports import store_report
from services.evaluation.scoring import score
from services.evaluation.suites import freeze_suite
from services.evaluation.weaknesses import domain_failures
from tests.builders import AT, add_persona
from tests.lineage_builders import unguarded

EACH = 10  # items of a domain, sealed and open each
TARGET = GatePolicy((Requirement("fact_hit", margin=0.1),), target="exact_match")
FACTS = GatePolicy((Requirement("fact_hit", margin=0.1),))
Reported = Callable[[Mapping[tuple[str, bool], str]], None]


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    return add_persona(session)


def items(domain: str, *, sealed: bool) -> list[Item]:
    asked = (
        Item(f"{domain} {number}", ItemSource.BANK, Question(f"What is {number}?", domain, ""), "So.", "so")
        for number in count()
    )
    return list(islice((item for item in asked if item.is_sealed is sealed), EACH))


@pytest.fixture
def reported(session: Session, persona: PersonaRow) -> Reported:
    """Stores a report of the plain base: what it answered to the items of a domain, sealed or not."""

    def store(answers: Mapping[tuple[str, bool], str]) -> None:
        asked = [
            (item, answers.get((domain, sealed), "So."))
            for domain in ("music", "physics", "history")
            for sealed in (False, True)
            for item in items(domain, sealed=sealed)
        ]
        store_report(
            session,
            version_id=version_by_number(session, persona, 0).id,
            suite_digest=freeze_suite(session, persona, [item for item, _ in asked], at=AT),
            settings_digest="settings",
            scores=[score(one, said, seed=1, markers=(), log_probabilities=()) for one, said in asked],
            at=AT,
        )

    return store


def weak(session: Session, persona: PersonaRow, policy: GatePolicy) -> dict[str, int]:
    persona.gate_policy = asdict(with_kept(policy))
    session.flush()
    session.refresh(persona)
    return dict(domain_failures(session, persona, version_by_number(session, persona, 0), cutoff=AT))


def test_a_domain_is_weak_by_its_open_items_alone(session, persona, reported):
    reported({("music", True): "Dunno.", ("physics", False): "Dunno."})
    assert weak(session, persona, FACTS) == {"physics": 1}


def test_a_target_without_a_margin_of_its_own_counts(session, persona, reported):
    """Which all know the fact of, and none in the asked words."""
    reported({("music", False): "It is so, I think."})
    assert weak(session, persona, FACTS) == {}
    assert weak(session, persona, TARGET) == {"music": 1}


def test_a_limit_alone_compares_nothing(session, persona, reported):
    reported({("music", False): "It is so, I think."})
    limited = GatePolicy((*FACTS.requirements, Requirement("exact_match", limit=0.5)))
    assert weak(session, persona, limited) == {}


def test_a_report_of_a_release_that_measured_otherwise_says_nothing(session, persona, reported):
    reported({("music", False): "Dunno."})
    report = version_by_number(session, persona, 0)
    stored = session.scalars(select(EvaluationReportRow).filter_by(adapter_version_id=report.id)).one()
    with unguarded(session):
        stored.items = [
            {name: value for name, value in one.items() if name != "words"} for one in stored.items
        ]
    session.flush()
    assert weak(session, persona, FACTS) == {}
