"""Who answers beside a candidate: champion, anchor and base, and what becomes of one whose files fail."""

from pathlib import Path

import pytest
from sqlalchemy import select

from services.adapters.freezing import Frozen
from services.adapters.promotions import who_serves
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow
from services.db.session import session_scope
from services.errors.artifacts import AdapterCorrupt
from services.jobs.evaluate import Reports, evaluate_with
from services.jobs.installation import Installation
from tests.fakes import FakeGenerator
from tests.lineage_builders import add_serving_version
from tests.services.jobs.evaluating import add_candidate, freeze_references


@pytest.fixture
def held_out(installation: Installation, tmp_path: Path) -> Frozen:
    return freeze_references(installation, tmp_path)


@pytest.fixture
def version_id(installation: Installation, held_out: Frozen) -> int:
    return add_candidate(installation, held_out)


def approved(installation: Installation, version_id: int, *, count: int) -> list[AdapterVersionRow]:
    """So many versions of the persona that were approved one after another, the newest serving."""
    with session_scope(installation.engine) as session:
        persona = session.get_one(AdapterVersionRow, version_id).persona
        return [add_serving_version(session, persona, number=2 + one) for one in range(count)]


def judged(installation: Installation, reports: Reports) -> dict[str, str]:
    """Which version each report is of, by its name."""
    with session_scope(installation.engine) as session:
        return {
            arm: session.get_one(EvaluationReportRow, report).version.name
            for arm, report in (
                ("candidate", reports["candidate"]),
                ("champion", reports["champion"]),
                ("anchor", reports["anchor"]),
                ("base", reports["base"]),
            )
        }


def test_the_first_approved_version_answers_beside_candidate_champion_and_base(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    first, _, champion = approved(installation, version_id, count=3)
    reports = evaluate_with(installation, version_id)
    told = judged(installation, reports)
    assert (told["anchor"], told["champion"], told["base"]) == (first.name, champion.name, "base")
    assert len(set(told.values())) == 4
    assert {request.model for request in generator.requests} == set(told.values())


def test_an_anchor_whose_files_fail_is_marked_and_the_next_is_asked(
    installation: Installation,
    generator: FakeGenerator,
    version_id: int,
    caplog: pytest.LogCaptureFixture,
):
    first, second, champion = approved(installation, version_id, count=3)
    generator.damaged = {first.name}
    reports = evaluate_with(installation, version_id)
    assert judged(installation, reports)["anchor"] == second.name
    assert f"{first.name} is marked unsound and no anchor any more" in caplog.text
    with session_scope(installation.engine) as session:
        marked = session.get_one(AdapterVersionRow, first.id).unsound_reason
        assert "a flipped byte" in (marked or "")
        assert session.get_one(AdapterVersionRow, second.id).unsound_at is None
        assert who_serves(session, second.persona).version_id == champion.id


def test_without_a_sound_anchor_the_champion_is_the_anchor(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    first, champion = approved(installation, version_id, count=2)
    generator.damaged = {first.name}
    told = judged(installation, evaluate_with(installation, version_id))
    assert told["anchor"] == told["champion"] == champion.name


def test_a_candidate_whose_files_fail_stops_the_evaluation_and_marks_nobody(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    approved(installation, version_id, count=2)
    with session_scope(installation.engine) as session:
        generator.damaged = {session.get_one(AdapterVersionRow, version_id).name}
    with pytest.raises(AdapterCorrupt):
        evaluate_with(installation, version_id)
    with session_scope(installation.engine) as session:
        assert not list(
            session.scalars(select(AdapterVersionRow).where(AdapterVersionRow.unsound_at.is_not(None)))
        )
