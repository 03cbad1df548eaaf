"""What others are offered and choose, and what raters say, while one is erased: on several connections."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from services.db.comparing_tables import AnswerPairRow, ComparisonOfferRow
from services.db.feedback_tables import AnswerRow, ComparisonRow, PersonaRow, RatingRow
from services.db.session import make_single_engine, session_scope, single_statement
from services.domain.feedback import AnswerId, Choice, RaterId
from services.errors.refusals import RaterErased
from services.feedback.choosing import choose
from services.feedback.erasing import bury, lock_rater
from services.feedback.offering import offer_comparison
from services.feedback.pairing import pair_up
from services.feedback.questions import new_rater
from services.feedback.rating import rate
from tests.beside import PATIENCE, until_somebody_waits
from tests.builders import AT, add_answer, add_persona, asker_of


@pytest.fixture
def erased(clean: Engine) -> RaterId:
    """Who got the only answer there is, and is about to be erased."""
    with session_scope(clean) as session:
        persona = add_persona(session)
        persona.example_policy = persona.example_policy | {"repeat_percent": 0, "known_percent": 0}
        return asker_of(add_answer(session, persona, text="Arr."))


def make_pair(session: Session) -> PersonaRow:
    """Of that answer and another rater's; whose answers they are."""
    persona = session.scalars(select(PersonaRow)).one()
    pair_up(session, AnswerId(add_answer(session, persona, text="Avast.").id))
    return persona


def erase(engine: Engine, rater: RaterId) -> None:
    with session_scope(engine) as session:
        mark_and_bury(session, rater)


def mark_and_bury(session: Session, rater: RaterId) -> None:
    lock_rater(session, rater).erased_at = AT
    session.flush()
    bury(session, rater, secret="x")


def pairs(engine: Engine) -> int:
    with session_scope(engine) as session:
        return session.scalar(select(func.count()).select_from(AnswerPairRow)) or 0


def test_who_chooses_of_a_pair_that_is_being_deleted_waits_for_nobody_who_waits_for_them(
    clean: Engine, erased: RaterId
):
    with session_scope(clean) as session:
        rater = new_rater(session, at=AT)
        persona = make_pair(session)
        offer = offer_comparison(session, persona=persona, rater=rater, at=AT)
    assert offer is not None
    half_way, go_on = Event(), Event()

    def pause(*told: object) -> None:
        if "INSERT INTO comparisons" in str(told[2]):
            half_way.set()
            assert go_on.wait(PATIENCE)

    def choosing() -> None:
        with session_scope(clean) as session:
            event.listen(session.connection(), "before_cursor_execute", pause)
            choose(session, offer, rater=rater, choice=Choice.LEFT, submission=rater, at=AT)

    with ThreadPoolExecutor(2) as pool:
        chosen = pool.submit(choosing)
        assert half_way.wait(PATIENCE)
        buried = pool.submit(erase, clean, erased)
        try:
            until_somebody_waits(clean)
        finally:
            go_on.set()
        chosen.result(PATIENCE)
        buried.result(PATIENCE)
    with session_scope(clean) as session:
        kept = session.get_one(ComparisonOfferRow, offer)
        assert (kept.choice, kept.pair_id) == ("left", None)
        assert session.scalars(select(ComparisonRow.choice)).all() == ["left"]
    assert pairs(clean) == 0


def test_a_pair_that_is_deleted_while_it_is_drawn_is_not_offered(clean: Engine, erased: RaterId):
    drawn = []

    def erase_once(*told: object) -> None:
        if "FROM answer_pairs p" in str(told[2]) and "p.digest >=" in str(told[2]) and not drawn:
            drawn.append(told[2])
            erase(clean, erased)

    with session_scope(clean) as session:
        rater, persona = new_rater(session, at=AT), make_pair(session)
    with session_scope(clean) as session:
        event.listen(session.connection(), "after_cursor_execute", erase_once)
        assert offer_comparison(session, persona=persona, rater=rater, at=AT) is None
    assert len(drawn) == 1


def test_an_answer_that_is_being_buried_makes_no_pair_and_keeps_nobody_waiting(
    clean: Engine, erased: RaterId
):
    with session_scope(clean) as burying:
        mark_and_bury(burying, erased)
        with session_scope(clean) as session:
            make_pair(session)
    assert pairs(clean) == 0


def test_an_erasure_waits_for_the_pair_that_is_just_made_of_an_answer_and_takes_it_along(
    clean: Engine, erased: RaterId
):
    with ThreadPoolExecutor(1) as pool:
        with session_scope(clean) as session:
            make_pair(session)
            buried = pool.submit(erase, clean, erased)
            until_somebody_waits(clean)
        buried.result(PATIENCE)
    assert pairs(clean) == 0


def test_a_pair_of_what_was_buried_already_is_offered_to_nobody(clean: Engine, erased: RaterId):
    """As one that was made at the same moment by an older release."""
    with session_scope(clean) as session:
        persona = make_pair(session)
        found = session.scalars(select(AnswerPairRow)).one()
        columns = ("persona_id", "one_answer_id", "other_answer_id", "digest", "public", "of_one_version")
        was = {column: getattr(found, column) for column in columns}
        mark_and_bury(session, erased)
        session.expunge(found)
        session.add(AnswerPairRow(**was))
        session.flush()
        assert offer_comparison(session, persona=persona, rater=new_rater(session, at=AT), at=AT) is None


def test_who_rates_while_being_erased_waits_and_then_has_said_nothing(clean: Engine, erased: RaterId):
    with session_scope(clean) as session:
        answer = AnswerId(session.scalars(select(AnswerRow.id)).one())
    single = make_single_engine(clean.url)

    def rating() -> None:
        with single_statement(single) as session:
            rate(session, answer_id=answer, rater=erased, stars=1, submission=uuid4(), at=AT)

    with ThreadPoolExecutor(1) as pool:
        with session_scope(clean) as session:
            lock_rater(session, erased).erased_at = AT
            session.flush()
            rated = pool.submit(rating)
            until_somebody_waits(clean)
        assert isinstance(rated.exception(PATIENCE), RaterErased)
    single.dispose()
    with session_scope(clean) as session:
        assert session.scalar(select(func.count()).select_from(RatingRow)) == 0
