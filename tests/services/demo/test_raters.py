"""Simulated raters at the real app: on PostgreSQL and over HTTP; only the model is a fake."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine, func, select

from feedback_app import create_app
from services.db.feedback_tables import (
    AnswerRow,
    ConversationRow,
    CorrectionRow,
    CurrentRatingRow,
    QuestionRow,
    RaterRow,
    RatingRow,
)
from services.db.session import session_scope
from services.demo.corrections import better_answer
from services.demo.opinions import moody_stars, stars_for, wants_to_correct
from services.demo.question_bank import reserved
from services.demo.raters import Rater, inquiries, let_them_rate, plan_raters
from services.demo.steady_load import SteadyLoad
from services.demo.visitor import Visitor
from services.domain.personas import AUDIENCES
from services.errors.outages import InferenceUnavailable, VisitFailed
from services.settings import Settings
from tests.builders import add_persona
from tests.conftest import cut_away
from tests.fakes import FakeGenerator
from tests.served import served_here

SEED = 3


@pytest.fixture
def generator() -> FakeGenerator:
    return FakeGenerator(text='It is <b>"Oslo"</b> & nothing else.\nIt lies by the sea.')


@pytest.fixture
def site(settings: Settings, engine: Engine, generator: FakeGenerator) -> Iterator[str]:
    with cut_away(engine):
        with session_scope(engine) as session:
            add_persona(session, slug="pirate")
        with served_here(create_app(settings, engine=engine, generator=generator)) as address:
            yield address


def few_raters() -> list[Rater]:
    return plan_raters(SEED, raters=5, own=4, shared=1)


def test_enough_raters_give_enough_ratings_and_see_no_reserved_question():
    raters = plan_raters(SEED)
    assert len(raters) >= 24
    asked = [inquiry for rater in raters for inquiry in rater.inquiries]
    assert len(asked) >= 400
    kept_back = {question for fact in reserved() for question in fact.questions}
    assert not kept_back & {inquiry.question for inquiry in asked}
    assert Counter(rater.taste.audience for rater in raters) == dict.fromkeys(AUDIENCES, 5)


def test_the_plan_repeats_by_seed_and_shares_some_questions_between_raters_of_an_audience():
    assert plan_raters(SEED) == plan_raters(SEED)
    assert plan_raters(SEED) != plan_raters(SEED + 1)
    first, sixth = plan_raters(SEED)[0], plan_raters(SEED)[5]
    assert first.taste.audience == sixth.taste.audience
    assert set(first.inquiries) & set(sixth.inquiries)


def test_what_raters_say_over_http_is_what_the_database_holds(site: str, engine: Engine):
    told = []
    feedback = let_them_rate(site, "pirate", few_raters(), seed=SEED, told=told.append)
    assert len(feedback.said) == len(told) == 25
    assert 0 < feedback.corrections < feedback.ratings
    with session_scope(engine) as session:
        stored = Counter(session.scalars(select(RatingRow.stars)))
        assert stored == feedback.stars
        assert session.scalar(select(func.count()).select_from(CurrentRatingRow)) == feedback.ratings
        assert session.scalar(select(func.count()).select_from(CorrectionRow)) == feedback.corrections
        assert session.scalar(select(func.count()).select_from(RaterRow)) == 5
        audiences = session.execute(
            select(ConversationRow.rater_id, QuestionRow.audience)
            .join(QuestionRow, QuestionRow.conversation_id == ConversationRow.id)
            .distinct()
        ).all()
        assert len(audiences) == 5, "each rater has one cookie and one audience"


def test_the_same_people_say_the_same_again(site: str):
    said = [
        let_them_rate(site, "pirate", few_raters(), seed=SEED, told=lambda _: None).said for _ in range(2)
    ]
    assert said[0] == said[1]


def granted_but_in_a_bad_mood() -> Iterator[tuple[Rater, str]]:
    """Raters with one question each, and the better answer which they would write even if they had got it."""
    for rater in plan_raters(SEED):
        for inquiry in rater.inquiries:
            entry, question, number = inquiry.entry, inquiry.question, rater.number
            text = better_answer(entry, inquiry.phrasing, rater.taste.audience, seed=SEED, rater=number).text
            honest = stars_for(text, entry, question, rater.taste)
            stars = moody_stars(honest, rater.taste, SEED, number, question)
            if wants_to_correct(stars, SEED, number, question):
                yield replace(rater, inquiries=(inquiry,)), text


def test_who_got_the_answer_they_would_have_written_gives_stars_only(site: str, generator: FakeGenerator):
    rater, generator.text = next(granted_but_in_a_bad_mood())
    feedback = let_them_rate(site, "pirate", [rater], seed=SEED, told=lambda _: None)
    assert (feedback.ratings, feedback.corrections) == (1, 0)


def test_raters_who_are_told_that_too_many_ask_ask_again(
    settings: Settings, clean: Engine, generator: FakeGenerator, caplog: pytest.LogCaptureFixture
):
    with session_scope(clean) as session:
        add_persona(session, slug="pirate")
    generator.meanwhile = lambda: time.sleep(1)
    one_ask_at_once = settings.model_copy(update={"feedback_threads": 2})
    app = create_app(one_ask_at_once, engine=clean, generator=generator)
    raters = plan_raters(SEED, raters=3, own=1, shared=0)
    caplog.set_level("INFO", "feedback_app.request_log")
    with served_here(app) as address:
        feedback = let_them_rate(address, "pirate", raters, seed=SEED, told=lambda _: None)
    assert len(feedback.said) == 3
    assert "refused=TooManyAsks" in caplog.text


def test_a_visitor_reads_the_answer_as_a_person_sees_it(site: str):
    with Visitor(site) as visitor:
        page = visitor.ask("pirate", "Where?", domain="geography", audience="student")
    assert page.answer == 'It is <b>"Oslo"</b> & nothing else.\nIt lies by the sea.'
    assert page.path.startswith("/answers/")


def test_a_visitor_who_is_not_served_says_so(site: str, generator: FakeGenerator):
    generator.problem = InferenceUnavailable("http://nowhere")
    with Visitor(site) as visitor, pytest.raises(VisitFailed, match="POST /p/pirate/ask: status 503"):
        visitor.ask("pirate", "Where?", domain="geography", audience="student")
    with Visitor(site) as visitor, pytest.raises(VisitFailed, match="GET /p/nobody: status 404"):
        visitor.ask("nobody", "Where?", domain="geography", audience="student")


def test_a_steady_load_asks_until_it_is_told_to_stop_and_counts_what_failed(
    site: str, engine: Engine, generator: FakeGenerator
):
    served = threading.Event()
    with SteadyLoad(site, "pirate", inquiries(SEED)) as load:
        load.start()
        load.start()
        while load.asked < 4:
            served.wait(0.05)
        generator.problem = InferenceUnavailable("http://nowhere")
        while not load.failures:
            served.wait(0.05)
    with session_scope(engine) as session:
        answers = session.scalar(select(func.count()).select_from(AnswerRow))
    assert answers == load.asked - len(load.failures)
    assert "503" in load.failures[0]


def test_a_load_that_never_began_ends_at_once(site: str):
    with SteadyLoad(site, "pirate", inquiries(SEED)) as load:
        pass
    assert load.asked == 0
