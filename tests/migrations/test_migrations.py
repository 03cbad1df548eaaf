"""The schema is built by migrations, forth and back, and equals what the tables declare."""

import pytest
from alembic.util import CommandError
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from services.db import migrate
from services.db.lineage_tables import PromotionRow, SkippedNightRow, TrainingPointRow
from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.example_policy import ExamplePolicy, Start
from services.domain.feedback import Reason, Thumb
from services.domain.training import RunState
from services.feedback.erasing import bury, lock_rater
from services.settings import ROOT
from tests.builders import AT, add_answer, add_comparison, add_persona, add_rating, asker_of
from tests.lineage_builders import add_decision, add_run, add_serving_version, add_training_set, add_version


def test_migrations_build_what_the_tables_declare_and_can_be_undone(empty_database: Engine):
    migrate.upgrade(empty_database)
    migrate.check(empty_database)
    migrate.downgrade(empty_database, "base")
    assert inspect(empty_database).get_table_names() == ["alembic_version"]
    migrate.upgrade(empty_database)
    migrate.check(empty_database)


def said_since_signals(session: Session) -> None:
    persona = add_persona(session)
    answer, other = add_answer(session, persona), add_answer(session, persona)
    add_rating(session, answer, stars=Thumb.UP)
    add_rating(session, answer, reasons=[Reason.WRONG_FACT])
    add_comparison(session, answer, other)


def test_a_downgrade_that_would_lose_what_people_said_is_refused_with_how_much_and_changes_nothing(
    empty_database: Engine,
):
    migrate.upgrade(empty_database)
    with Session(empty_database) as session, session.begin():
        said_since_signals(session)
    with pytest.raises(CommandError) as refused:
        migrate.downgrade(empty_database, "0005_one_version_of_equal_files")
    assert str(refused.value) == (
        "0006_signals is not undone: the older schema has no place for 1 ratings by thumb, 1 ratings with "
        "reasons, 1 comparisons; restore a backup instead."
    )
    migrate.upgrade(empty_database)
    migrate.check(empty_database)
    with Session(empty_database) as session:
        assert session.scalar(text("SELECT count(*) FROM ratings")) == 2


def test_stars_alone_survive_a_downgrade(empty_database: Engine):
    migrate.upgrade(empty_database)
    with Session(empty_database) as session, session.begin():
        add_rating(session, add_answer(session, add_persona(session)), stars=4)
    migrate.downgrade(empty_database, "0005_one_version_of_equal_files")
    with Session(empty_database) as session:
        assert session.scalar(text("SELECT stars FROM ratings")) == 4


@pytest.mark.parametrize("change", ["UPDATE promotions SET actor = 'x'", "DELETE FROM promotions"])
def test_the_ledger_refuses_changes(session: Session, change: str):
    add_serving_version(session, add_persona(session))
    session.flush()
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(change))


@pytest.mark.parametrize(
    ("verdict", "promoted", "ledger"),
    [("FAIL", 1, "own"), ("INSUFFICIENT", 1, "own"), ("PASS", 2, "own"), ("PASS", 1, "another")],
)
def test_a_full_promotion_that_nothing_says_pass_of_is_refused_by_the_database(
    session: Session, verdict: str, promoted: int, ledger: str
):
    persona = add_persona(session)
    judged, other = (add_version(session, persona, number=number) for number in (1, 2))
    decision = add_decision(session, judged, verdict=verdict)
    whose = persona if ledger == "own" else add_persona(session, slug="another")
    session.add(
        PromotionRow(
            persona_id=whose.id,
            version=judged if promoted == 1 else other,
            kind="full",
            decision_id=decision.id,
            actor="me",
            reason="because",
            at=AT,
        )
    )
    with pytest.raises(IntegrityError, match=f"decision {decision.id} does not say PASS of this version"):
        session.flush()


def test_a_decision_cannot_be_changed(session: Session):
    persona = add_persona(session)
    decision = add_decision(session, add_version(session, persona, number=1), verdict="FAIL")
    decision.verdict = "PASS"
    with pytest.raises(DBAPIError, match="gate_decisions is append-only"):
        session.flush()


def test_a_full_promotion_without_a_decision_is_refused_by_the_database(session: Session):
    persona = add_persona(session)
    version = add_serving_version(session, persona)
    session.flush()
    with pytest.raises(IntegrityError, match="full_needs_a_decision"):
        session.execute(
            text(
                "INSERT INTO promotions (persona_id, adapter_version_id, kind, actor, reason, at) "
                "VALUES (:persona, :version, 'full', 'me', 'because', :at)"
            ),
            {"persona": persona.id, "version": version.id, "at": AT},
        )


def test_ratings_cannot_be_rewritten(session: Session):
    add_rating(session, add_answer(session, add_persona(session)))
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text("UPDATE ratings SET stars = 5"))


def test_a_downgrade_that_would_lose_the_form_of_answers_is_refused(empty_database: Engine):
    migrate.upgrade(empty_database)
    with Session(empty_database) as session, session.begin():
        add_persona(session, slug="free")
        add_persona(session, slug="quiz", answers=AnswerRules(AnswerFormat.MCQ))
        add_persona(session, slug="brief", answers=AnswerRules(word_limit=9))
        add_persona(session, slug="ended", answers=AnswerRules(stop=("END",)))
    with pytest.raises(CommandError, match="the form in which 3 personas answer"):
        migrate.downgrade(empty_database, "0006_signals")
    migrate.upgrade(empty_database)
    migrate.check(empty_database)
    with Session(empty_database) as session:
        formats = session.scalars(text("SELECT answer_format FROM personas ORDER BY slug")).all()
    assert formats == ["free_text", "free_text", "free_text", "mcq"]


def test_a_downgrade_says_how_many_rows_it_loses(empty_database: Engine, caplog: pytest.LogCaptureFixture):
    migrate.upgrade(empty_database)
    with Session(empty_database) as session, session.begin():
        persona = add_persona(session)
        add_persona(session, slug="goes-on", example_policy=ExamplePolicy(start=Start.CHAMPION))
        training_set = add_training_set(session, persona)
        run = add_run(session, training_set, state=RunState.SUCCEEDED)
        session.add_all(
            TrainingPointRow(training_run_id=run.id, stage=0, step=step, loss=1.0, at=AT) for step in (1, 2)
        )
        session.add(
            SkippedNightRow(
                persona_id=persona.id, cutoff=AT, reason="nothing new", counts={}, dropped={}, created_at=AT
            )
        )
    migrate.downgrade(empty_database, "0007_answer_formats")
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"{undone}, which loses {lost}: a backup alone brings them back"
        for undone, lost in (
            ("0010_skipped_nights is undone", "1 nights without a set"),
            ("0009_where_nights_start is undone", "1 personas' own start or replay"),
            ("0008_training_progress is undone", "2 points of loss curves"),
        )
    ]


def test_tombstones_go_with_the_schema_that_knows_them(empty_database: Engine):
    migrate.upgrade(empty_database)
    with Session(empty_database) as session, session.begin():
        persona = add_persona(session)
        erased, other = add_answer(session, persona), add_answer(session, persona)
        add_rating(session, erased)
        add_comparison(session, other, erased)
        for answer in (erased, other):
            add_rating(session, answer, rater=asker_of(erased))
        lock_rater(session, asker_of(erased)).erased_at = AT
        session.flush()
        assert bury(session, asker_of(erased), secret="x")["ratings"] == 2
    migrate.downgrade(empty_database, "0017_fingerprint")
    with Session(empty_database) as session:
        left = [session.scalar(text(f"SELECT count(*) FROM {one}")) for one in ("answers", "ratings")]  # noqa: S608
        assert left == [1, 0]
    migrate.upgrade(empty_database)
    migrate.check(empty_database)


def test_a_downgrade_of_an_empty_database_has_nothing_to_warn_of(
    empty_database: Engine, caplog: pytest.LogCaptureFixture
):
    migrate.upgrade(empty_database)
    migrate.downgrade(empty_database, "base")
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


def test_the_operations_guide_says_of_every_migration_what_undoing_it_loses():
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    migrations = [file.stem for file in (ROOT / "migrations" / "versions").glob("*.py")]
    assert len(migrations) > 9
    assert [name for name in migrations if f"| `{name}` | " not in guide] == []
