"""Evaluating as a job: the suite of a cutoff, and a retry before and after the promotion."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.freezing import Frozen, freeze
from services.adapters.promoting import promote
from services.adapters.promotions import version_by_number
from services.adapters.store import AdapterName
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow, GateDecisionRow, TrainingRunRow
from services.db.prompt_tables import PromptRetirementRow
from services.db.session import session_scope
from services.domain.arms import ONCE_MORE
from services.domain.conversation import Question
from services.domain.fingerprint import fingerprint_of
from services.domain.splits import split_key
from services.errors.artifacts import FrozenFileCorrupt
from services.errors.lookups import UnknownRecord
from services.errors.refusals import ReportsNotComparable
from services.evaluation.frozen_suites import frozen_items
from services.evaluation.reports import find_report
from services.evaluation.suites import compose_items, suite_items
from services.jobs.evaluate import evaluate_with
from services.jobs.installation import Installation
from services.language_model.asking import BASE_NAME, Generated, GenerationRequest, Hearing
from tests.builders import AT, add_items, add_persona
from tests.fakes import FACTS, FakeGenerator
from tests.services.jobs.evaluating import REFERENCE, add_candidate, decide, freeze_references, item


@pytest.fixture
def held_out(installation: Installation, tmp_path: Path) -> Frozen:
    return freeze_references(installation, tmp_path)


@pytest.fixture
def version_id(installation: Installation, held_out: Frozen) -> int:
    return add_candidate(installation, held_out)


def test_a_second_evaluation_asks_nothing_again(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    first = evaluate_with(installation, version_id)
    asked = len(generator.requests)
    assert evaluate_with(installation, version_id) == first
    assert len(generator.requests) == asked == 6  # two items: the base once, the candidate twice
    assert first["champion"] == first["base"] != first["candidate"]


def test_the_suite_has_the_sets_own_references_before_the_stored_items(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    evaluate_with(installation, version_id)
    asked = [one.messages[-1].content for one in generator.requests if one.model != BASE_NAME]
    assert asked[:2] == ["Question:\nWhy is grass green?", "Question:\nWhy is the sea salty?"]


def test_every_suite_ends_with_what_every_persona_is_asked(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    reports = evaluate_with(installation, version_id)
    assert len(generator.requests) == 6  # the persona's own two items are answered: the others are weighed
    with session_scope(installation.engine) as session:
        stored = session.get_one(EvaluationReportRow, reports["candidate"])
        assert suite_items(session, stored.suite_digest)[2:] == frozen_items()
        measured = {one["name"]: one["items"] for one in stored.metrics if one["slice"] == "overall"}
        assert (measured["general_ability"], measured["safety"]) == (640, 640)


def test_a_persona_without_items_of_its_own_has_no_suite(session: Session):
    assert compose_items(session, add_persona(session), held_out=(), cutoff=AT) == ()


def test_references_that_changed_since_they_were_frozen_judge_nobody(
    installation: Installation, generator: FakeGenerator, version_id: int, held_out: Frozen
):
    file = Path(installation.settings.store_url.removeprefix("file://")) / held_out.path
    file.write_text(file.read_text().replace("Chlorophyll", "Paint"))
    with pytest.raises(FrozenFileCorrupt):
        evaluate_with(installation, version_id)
    assert generator.requests == []


def test_an_item_that_retired_by_the_cutoff_is_not_asked(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    with session_scope(installation.engine) as session:
        persona = session.get_one(AdapterVersionRow, version_id).persona
        retired = split_key(Question("Why is the sea salty?", "geography", "student"))
        session.add(PromptRetirementRow(persona_id=persona.id, split_key=retired, reason="test", at=AT))
    evaluate_with(installation, version_id)
    assert {request.messages[-1].content for request in generator.requests} == {
        "Question:\nWhy is grass green?"
    }


def test_items_that_come_in_later_leave_the_suite_as_it_was(installation: Installation, version_id: int):
    first = evaluate_with(installation, version_id)
    with session_scope(installation.engine) as session:
        persona = session.get_one(AdapterVersionRow, version_id).persona
        add_items(session, persona, [item("Why is the sky blue?")], at=AT + timedelta(seconds=1))
    assert evaluate_with(installation, version_id) == first


def test_an_evaluation_retried_after_the_promotion_ends_at_the_same_promotion(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    with session_scope(installation.engine) as session:
        version = session.get_one(AdapterVersionRow, version_id)
        add_items(session, version.persona, [item(f"Why is sea {one} salty?") for one in range(30)], at=AT)
        generator.by_model[version.name] = "Salt."
    first = evaluate_with(installation, version_id)
    decision = decide(installation, first)
    with session_scope(installation.engine) as session:
        promotion = promote(session, decision_id=decision, actor="test", at=AT).id

    again = evaluate_with(installation, version_id)
    assert again == first
    assert decide(installation, again) == decision
    with session_scope(installation.engine) as session:
        assert promote(session, decision_id=decision, actor="test", at=AT).id == promotion


def test_the_base_was_not_trained_and_is_no_candidate(installation: Installation, version_id: int):
    with session_scope(installation.engine) as session:
        persona = session.get_one(AdapterVersionRow, version_id).persona
        base = version_by_number(session, persona, 0).id
    with pytest.raises(UnknownRecord, match="training run of version 0"):
        evaluate_with(installation, base)


def test_a_report_says_how_its_version_was_served(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    reports = evaluate_with(installation, version_id)
    with session_scope(installation.engine) as session:
        stored = session.get_one(EvaluationReportRow, reports["candidate"])
        assert fingerprint_of(stored.fingerprint or {}).facts == generator.server
        assert installation.store.expected(AdapterName(stored.version.name)) == (
            fingerprint_of(stored.fingerprint or {}),
        )
        base = session.get_one(EvaluationReportRow, reports["base"])
        assert installation.store.expected(BASE_NAME) == (fingerprint_of(base.fingerprint or {}),)


@dataclass
class Wavering(FakeGenerator):
    """Knows the answer when it is asked the same again."""

    def generate(self, request: GenerationRequest, heard: Hearing | None = None) -> Generated:
        self.text = "Salt." if request in self.requests else "Sand."
        return super().generate(request, heard)


def test_the_candidate_is_asked_once_more_and_the_gate_counts_what_that_changes(
    installation: Installation, version_id: int
):
    with session_scope(installation.engine) as session:
        version = session.get_one(AdapterVersionRow, version_id)
        add_items(session, version.persona, [item(f"Why is sea {one} salty?") for one in range(39)], at=AT)
    reports = evaluate_with(replace(installation, generator=Wavering()), version_id)
    with session_scope(installation.engine) as session:
        candidate = session.get_one(EvaluationReportRow, reports["candidate"])
        again = find_report(
            session,
            version_id=version_id,
            suite_digest=candidate.suite_digest,
            settings_digest=candidate.settings_digest,
            arm=ONCE_MORE,
        )
        assert again is not None
        assert [one["item"]["key"] for one in again.items] == [
            one["item"]["key"] for one in reversed(candidate.items)
        ]
    decision_id = decide(installation, reports)
    with session_scope(installation.engine) as session:
        [better, *_] = session.get_one(GateDecisionRow, decision_id).checks
        assert (better["verdict"], better["required"]) == ("FAIL", 1.0)
        assert "the decoder's noise is 1.000" in better["reason"]


def test_on_another_server_all_are_asked_anew(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    first = evaluate_with(installation, version_id)
    generator.server = replace(FACTS, packages={"torch": "2.14.0"})
    again = evaluate_with(installation, version_id)
    for arm in ("candidate", "champion", "base"):
        assert first[arm] != again[arm]


def test_a_server_that_becomes_another_one_while_it_is_asked_makes_no_report(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    def restart() -> None:
        generator.server = replace(FACTS, base_digest="another")

    generator.meanwhile = restart
    with pytest.raises(ReportsNotComparable, match="another one meanwhile"):
        evaluate_with(installation, version_id)
    with session_scope(installation.engine) as session:
        assert session.scalar(select(EvaluationReportRow)) is None


def test_a_held_out_pair_is_judged_by_what_the_version_prefers(
    installation: Installation, version_id: int, tmp_path: Path
):
    file = tmp_path / "pairs.jsonl"
    pair = REFERENCE | {"rejected": "Green paint all over.", "sources": ["comparison:1"]}
    file.write_text("".join(f"{json.dumps(line)}\n" for line in (REFERENCE, pair)))
    with session_scope(installation.engine) as session:
        run = session.get_one(TrainingRunRow, session.get_one(AdapterVersionRow, version_id).training_run_id)
        frozen = freeze(installation.settings.store_url, file)
        run.training_set.report = {"held_out": {"references": 2, **asdict(frozen)}}
    reports = evaluate_with(installation, version_id)
    with session_scope(installation.engine) as session:
        stored = session.get_one(EvaluationReportRow, reports["base"])
        accuracy = {"name": "reward_accuracy", "slice": "overall", "value": 0.5, "items": 1}
        assert accuracy in stored.metrics
        (item,) = [one["item"] for one in stored.items if one["item"]["source"] == "pair"]
        assert (item["reference"], item["rejected"]) == ("Chlorophyll.", "Green paint all over.")
        assert (
            len({one["item"]["key"] for one in stored.items}) == len(stored.items) == 3 + len(frozen_items())
        )
