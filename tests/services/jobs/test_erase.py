"""Erasing a rater: nothing of theirs is left, and everything that they shaped says so."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.adapters.promoting import promote
from services.db.feedback_tables import AnswerRow, CorrectionRow, QuestionRow, RatingRow
from services.db.lineage_tables import GateDecisionRow, TrainingSetRow
from services.errors.lookups import UnknownAnswer
from services.errors.refusals import Redacted
from services.evaluation.decisions import decide_again, decide_and_store
from services.feedback.queries import answer_page, history
from services.jobs.assemble import assemble_with
from services.jobs.erase import Erased, erase_with
from services.jobs.erasures import of_rater_in
from services.jobs.installation import Installation
from services.jobs.lineage import trace as trace_answer
from services.jobs.sources import trace
from services.jobs.train import train_with
from services.jobs.training_sets import describe, rebuild_with
from services.settings import Settings
from tests.builders import AT
from tests.conftest import cut_away
from tests.fakes import FakeTrainer
from tests.services.jobs.conftest import of_its_own
from tests.services.jobs.erasing import MARKERS, NIGHT, Shaped, holding, shape
from tests.services.jobs.evaluating import POLICY as GATE


@dataclass(frozen=True)
class Gone:
    """A rater who was erased, and where each of their words was before."""

    installation: Installation
    shaped: Shaped
    erased: Erased
    held: dict[str, list[str]]


@pytest.fixture(scope="module")
def gone(engine: Engine, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gone]:
    """For tests that change nothing."""
    with cut_away(engine):
        installation = of_its_own(settings, engine, tmp_path_factory.mktemp("erased"))
        shaped = shape(installation)
        held = {marker: holding(installation, marker) for marker in MARKERS}
        yield Gone(
            installation, shaped, erase_with(installation, str(shaped.rater), "by letter", "test"), held
        )


@pytest.fixture
def session_of(gone: Gone) -> Iterator[Session]:
    with Session(gone.installation.engine) as session:
        yield session


@pytest.mark.parametrize("marker", MARKERS)
def test_no_table_and_no_file_has_a_word_of_theirs(gone: Gone, marker: str):
    assert gone.held[marker]
    assert holding(gone.installation, marker) == []


def test_it_is_written_down_what_was_done_and_who_serves(gone: Gone, session_of: Session):
    record = of_rater_in(session_of, str(gone.shaped.rater))
    assert (record["actor"], record["reason"]) == ("test", "by letter")
    assert record["finished_at"]
    found = record["found"]
    assert found["rows"] == {
        "ratings": 1,
        "corrections": 3,
        "comments": 1,
        "comparisons": 1,
        "reviews": 1,
        "decisions on words": 1,
        "answers": 2,
        "questions": 2,
    }
    (persona,) = found["personas"]
    assert (persona["sets"], persona["versions"], persona["serves"]) == ([gone.shaped.training_set], [1], 1)
    assert gone.shaped.decision in found["decisions"]
    assert set(found["reports"]) >= {gone.shaped.reports["candidate"], gone.shaped.reports["base"]}
    assert gone.erased["tainted"] == ["pirate"]


def test_a_tombstone_is_known_again_by_who_has_the_words_and_the_secret(gone: Gone, session_of: Session):
    number = int(gone.shaped.sources[0].removeprefix("correction:"))
    row = session_of.get_one(CorrectionRow, number)
    assert (row.text, row.rater_id) == ("", gone.shaped.rater)
    secret = gone.installation.settings.secret_key.get_secret_value()
    key = hashlib.sha256(f"tombstones {secret}".encode()).digest()
    said = f'[{number}, "Of xcorrection and iron."]'.encode()
    assert row.tombstone == hmac.digest(key, said, "sha256").hex()


def test_who_asked_is_not_found_by_the_hash_of_a_question(session_of: Session):
    tombstones = session_of.scalars(select(QuestionRow).where(QuestionRow.tombstone.is_not(None))).all()
    keys = {key for one in tombstones for key in (one.prompt_key, one.split_key)}
    known = set(session_of.scalars(text("SELECT split_key FROM prompt_splits")))
    assert (len(keys), keys & known) == (4, set())


def test_what_others_said_stands(gone: Gone, session_of: Session):
    for source in gone.shaped.others:
        row = session_of.get_one(CorrectionRow, int(source.removeprefix("correction:")))
        assert (row.text[:13], row.tombstone) == ("Salt and iron", None)
    answer = session_of.scalars(select(AnswerRow).where(AnswerRow.tombstone.is_not(None))).first()
    rated = session_of.scalars(select(RatingRow).where(RatingRow.answer_id == answer.id)).all()
    assert [(one.stars, one.tombstone) for one in rated] == [(5, None)]  # a number, by somebody else


def refused(gone: Gone) -> dict[str, Callable[[Session], object]]:
    one, installation = gone.shaped, gone.installation
    rater = str(gone.shaped.rater)
    return {
        "replay": lambda session: decide_again(
            session,
            session.get_one(GateDecisionRow, one.decision),
            store_url=installation.settings.store_url,
        ),
        "promote": lambda session: promote(session, decision_id=again(session, one), actor="test", at=AT),
        "decide": lambda session: decide_and_store(
            session,
            candidate_report=one.reports["candidate"],
            champion_report=one.reports["champion"],
            anchor_report=one.reports["anchor"],
            policy=replace(GATE, alpha=0.01),
            store_url=installation.settings.store_url,
            at=AT,
        ),
        "train": lambda _: train_with(installation, FakeTrainer(), one.training_set, []),
        "rebuild": lambda _: rebuild_with(installation, one.training_set, rater),
        "assemble": lambda _: assemble_with(installation, "pirate", NIGHT),
    }


def again(session: Session, one: Shaped) -> int:
    """The decision as if it had not been carried out."""
    session.execute(text("ALTER TABLE promotions DISABLE TRIGGER USER"))
    session.execute(text("DELETE FROM promotions"))
    return one.decision


@pytest.mark.parametrize("what", ["replay", "promote", "decide", "train", "rebuild", "assemble"])
def test_what_rests_on_them_says_that_it_is_redacted(gone: Gone, session_of: Session, what: str):
    with pytest.raises(Redacted, match="is redacted, as a rater"):
        refused(gone)[what](session_of)
    session_of.rollback()


def test_what_they_shaped_can_still_be_followed(gone: Gone, session_of: Session):
    kind, _, number = gone.shaped.sources[0].partition(":")
    forward = trace(session_of, gone.installation.settings.store_url, kind, int(number))
    assert forward["shaped"][0]["how"] == "learnt from it, redacted since"
    assert describe(session_of.get_one(TrainingSetRow, gone.shaped.training_set))["redacted_at"]


def test_their_history_is_empty_and_their_answers_are_unknown(gone: Gone, session_of: Session):
    assert history(session_of, rater=gone.shaped.rater) == []
    answer = session_of.scalars(select(AnswerRow.id).where(AnswerRow.tombstone.is_not(None))).first()
    with pytest.raises(UnknownAnswer):
        answer_page(session_of, answer_id=answer, rater=gone.shaped.rater)
    with pytest.raises(UnknownAnswer):
        trace_answer(session_of, gone.installation, answer)


@pytest.mark.parametrize("table", ["conversations", "ratings", "corrections", "comments", "comparisons"])
def test_the_database_itself_takes_nothing_more_in_their_name(gone: Gone, session_of: Session, table: str):
    copied = {
        "conversations": "id, persona_id, rater_id, created_at",
        "ratings": "answer_id, rater_id, stars, submission, created_at",
        "corrections": "answer_id, rater_id, text, submission, created_at",
        "comments": "answer_id, rater_id, text, submission, created_at",
        "comparisons": "left_answer_id, right_answer_id, rater_id, choice, submission, created_at",
    }[table]
    values = (
        copied.replace("submission", "gen_random_uuid()").replace("stars", "5").replace("choice", "'tie'")
    )
    values = values.replace("id, persona_id", "gen_random_uuid(), persona_id")
    insert = f"INSERT INTO {table} ({copied}) SELECT {values} FROM {table} WHERE rater_id = :rater LIMIT 1"  # noqa: S608
    with pytest.raises(IntegrityError, match="was erased"):
        session_of.execute(text(insert), {"rater": gone.shaped.rater})
    session_of.rollback()
