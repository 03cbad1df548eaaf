"""After an erasure: who serves, what a replacement is held against, and a request that is asked for again."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from services.adapters.promoting import promote
from services.adapters.promotions import (
    anchor_of,
    find_persona,
    history,
    rollback,
    version_by_number,
    who_serves,
)
from services.adapters.store import AdapterName
from services.db.erasing_lock import hold_erasures, hold_freezing
from services.db.erasure_tables import ErasureRow
from services.db.feedback_tables import RaterRow
from services.db.lineage_tables import AdapterVersionRow, TrainingRunRow, TrainingSetRow
from services.db.session import session_scope
from services.domain.personas import PersonaSlug
from services.domain.splits import Split
from services.errors.lookups import UnknownRater
from services.errors.refusals import VersionTainted
from services.errors.tree import InvalidInput
from services.feedback.questions import new_rater
from services.jobs.erase import erase_with, foresee_with, settle_with
from services.jobs.evaluate import evaluate_with
from services.jobs.installation import Installation
from services.jobs.train import train_with
from services.training_sets.starting import find_start
from tests.builders import AT, add_answer, add_correction
from tests.fakes import FakeTrainer
from tests.lineage_builders import add_training_set
from tests.services.jobs.erasing import MARKERS, NIGHT, Shaped, holding, learn, questions, shape
from tests.services.training_sets.conftest import POLICY

LATER = NIGHT + timedelta(hours=1)


@pytest.fixture
def shaped(installation: Installation) -> Shaped:
    return shape(installation)


def erase(installation: Installation, shaped: Shaped):
    return erase_with(installation, str(shaped.rater), "by letter", "test")


def serving(installation: Installation) -> int:
    with Session(installation.engine) as session:
        return who_serves(session, find_persona(session, "pirate")).number


def test_a_clean_replacement_is_judged_against_who_would_serve_and_takes_the_place(installation, shaped):
    assert erase(installation, shaped)["tainted"] == ["pirate"]
    assert serving(installation) == 1  # until another one is judged
    clean = learn(installation, LATER)
    assert clean.reports["champion"] == clean.reports["base"] == clean.reports["anchor"]
    with session_scope(installation.engine) as session:
        promote(session, decision_id=clean.decision, actor="test", at=LATER)
        learnt = session.get_one(TrainingSetRow, clean.training_set)
        assert (learnt.redacted_at, learnt.plan["start"]) == (None, None)
    assert settle_with(installation, "pirate", "test") == serving(installation) == 2
    with Session(installation.engine) as session:
        assert [one.version for one in history(session, find_persona(session, "pirate"))] == [1, 2]
    assert erase(installation, shaped)["tainted"] == []


def test_without_one_that_passed_the_base_serves_and_the_tainted_version_never_again(installation, shaped):
    erase(installation, shaped)
    assert settle_with(installation, "pirate", "a run") == 0
    assert settle_with(installation, "pirate", "a run") == serving(installation) == 0
    with session_scope(installation.engine) as session:
        persona = find_persona(session, "pirate")
        assert len(history(session, persona)) == 2
        with pytest.raises(VersionTainted, match="never put in place"):
            rollback(session, persona=PersonaSlug("pirate"), to_version=1, reason="x", actor="test", at=LATER)
        assert anchor_of(session, version_by_number(session, persona, 0)) is None


def test_an_untainted_version_of_before_serves_rather_than_the_base(installation: Installation):
    first = shape(installation)
    with session_scope(installation.engine) as session:
        rater = new_rater(session, at=NIGHT)
        asked = next(questions(Split.TRAIN, "later "))
        answer = add_answer(session, find_persona(session, "pirate"), question=asked, rater=rater, at=NIGHT)
        late = NIGHT + timedelta(minutes=1)
        add_correction(session, answer, "Arr, of late.", rater=rater, at=late)
    second = learn(installation, LATER)
    with session_scope(installation.engine) as session:
        promote(session, decision_id=second.decision, actor="test", at=LATER)
    assert erase_with(installation, str(rater), "by letter", "test")["found"]["personas"] == [
        {"persona": "pirate", "sets": [second.training_set], "versions": [2]}
    ]
    assert settle_with(installation, "pirate", "test") == 1
    assert first.training_set != second.training_set


def test_what_was_not_learnt_taints_nobody_and_is_taken_out_of_what_judges(installation: Installation):
    shape(installation)
    with session_scope(installation.engine) as session:
        rater = new_rater(session, at=AT)
        asked = next(questions(Split.HOLDOUT, "quiet "))
        answer = add_answer(session, find_persona(session, "pirate"), question=asked, rater=rater, at=NIGHT)
        add_correction(session, answer, "Of xquiet.", rater=rater, at=NIGHT)
        other = add_answer(
            session, find_persona(session, "pirate"), question=next(questions(Split.TRAIN, "o"))
        )
        add_correction(session, other, "Something new.", at=NIGHT + timedelta(minutes=1))
    second = learn(installation, LATER)
    with Session(installation.engine) as session:
        references = session.get_one(TrainingSetRow, second.training_set).report["held_out"]["references"]
    found = erase_with(installation, str(rater), "by letter", "test")["found"]
    assert found["personas"] == [{"persona": "pirate", "sets": [], "versions": []}]
    assert (found["files_written_anew"], found["files"]) == (1, 1)
    assert second.decision in found["decisions"]
    assert holding(installation, "xquiet") == []
    with Session(installation.engine) as session:
        left = session.get_one(TrainingSetRow, second.training_set)
        assert left.redacted_at is None
        assert left.report["held_out"]["references"] == references - 1
    assert evaluate_with(installation, second.version)["candidate"] != second.reports["candidate"]


def test_a_night_does_not_go_on_from_a_tainted_champion(installation, shaped):
    erase(installation, shaped)
    with Session(installation.engine) as session:
        policy = replace(POLICY, start="champion")
        start = find_start(session, find_persona(session, "pirate"), policy, cutoff=LATER, recipe=None)
    assert start.champion is None
    assert start.reason.endswith("version 1 learnt from a rater who was erased")


class Meanwhile(FakeTrainer):
    """Somebody is erased while it trains."""

    def __init__(self, happens) -> None:
        super().__init__()
        self.happens = happens

    def train(self, job, *, progress):
        self.happens()
        return super().train(job, progress=progress)


def test_a_training_under_way_makes_a_version_that_is_tainted_from_the_first(installation, shaped):
    trainer = Meanwhile(lambda: erase(installation, shaped))
    version = train_with(installation, trainer, shaped.training_set, ["lora.r=8"])
    with Session(installation.engine) as session:
        assert session.get_one(AdapterVersionRow, version).tainted_reason


@pytest.mark.parametrize("again", ["without the rater", "with the rater"])
def test_the_files_of_a_tainted_version_are_clean_once_they_were_learnt_without_the_rater(
    installation: Installation, training_set: TrainingSetRow, again: str
):
    """As where the rater was one of three who praised the same answer."""
    trainer = FakeTrainer()
    first = train_with(installation, trainer, training_set.id, [])
    with session_scope(installation.engine) as session:
        session.get_one(AdapterVersionRow, first).tainted_at = AT
        values = {"digest": training_set.digest, "path": training_set.path, "cutoff": LATER}
        persona = find_persona(session, "trained")
        later = add_training_set(session, persona, plan=training_set.plan, **values).id

    def redact() -> None:
        with session_scope(installation.engine) as session:
            session.add(
                ErasureRow(
                    rater_id=new_rater(session, at=AT),
                    actor="me",
                    reason="x",
                    begun_at=AT,
                    found={},
                    files=[],
                )
            )
            session.flush()
            session.get_one(TrainingSetRow, later).redacted_at = AT

    trainer = Meanwhile(redact) if again == "with the rater" else FakeTrainer()
    assert train_with(installation, trainer, later, []) == first
    with Session(installation.engine) as session:
        version = session.get_one(AdapterVersionRow, first)
        learnt = session.get_one(TrainingRunRow, version.training_run_id)
        clean = again == "without the rater"
        assert (version.tainted_at is None, learnt.training_set_id == later) == (clean, clean)
        told = installation.store.manifest(AdapterName(version.name)).provenance
        assert (told["cutoff"] == LATER.isoformat()) == clean


def test_a_dry_run_finds_the_same_and_changes_nothing(installation, shaped):
    before = {marker: holding(installation, marker) for marker in MARKERS}
    found = foresee_with(installation, str(shaped.rater))
    assert {marker: holding(installation, marker) for marker in MARKERS} == before
    assert found == erase(installation, shaped)["found"]


def test_what_broke_off_is_finished_by_the_next_try(installation, shaped):
    with Session(installation.engine) as session:
        stored = session.scalars(select(TrainingSetRow.path)).one()
    path = Path(installation.settings.store_url.removeprefix("file://")) / stored
    held = path.read_bytes()
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        erase(installation, shaped)
    with Session(installation.engine) as session:  # nobody speaks as them any more, and nothing else yet
        assert session.get_one(RaterRow, shaped.rater).erased_at
        assert session.scalar(select(ErasureRow)).redacted_at is None
        assert holding(installation, "xcorrection") == ["corrections"]
    path.rmdir()
    path.write_bytes(held)
    first = erase(installation, shaped)
    assert [marker for marker in MARKERS if holding(installation, marker)] == []

    path.write_bytes(held)  # as if it had not come to the files
    with session_scope(installation.engine) as session:
        session.execute(text("UPDATE erasures SET finished_at = NULL"))
    assert erase(installation, shaped) == first
    assert not path.exists()


def test_an_erasure_waits_for_who_is_freezing(installation):
    with Session(installation.engine) as freezing, Session(installation.engine) as erasing:
        hold_erasures(freezing)
        erasing.execute(text("SET lock_timeout = '50ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            hold_freezing(erasing)
        erasing.rollback()
        freezing.rollback()
        hold_freezing(erasing)


def test_nobody_is_erased_who_is_nobody(installation, shaped):
    with pytest.raises(UnknownRater):
        erase_with(installation, "00000000-0000-0000-0000-000000000000", "by letter", "test")
    with session_scope(installation.engine) as session:
        session.get_one(RaterRow, shaped.rater).label = "imported"
    with pytest.raises(InvalidInput, match="stands for imported files"):
        erase(installation, shaped)
