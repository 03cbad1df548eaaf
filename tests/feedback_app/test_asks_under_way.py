"""How many asks may wait for a model at once, and that everybody else finds a thread meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Engine, event, func, select, text
from werkzeug.test import TestResponse

from feedback_app import create_app
from feedback_app.asks_under_way import OF_ONE_RATER, AsksUnderWay
from services.db.feedback_tables import QuestionRow, RaterRow
from services.db.session import session_scope
from services.domain.feedback import RaterId
from services.errors.inputs import TextTooLong
from services.errors.outages import InferenceBusy, TooManyOwnAsks
from services.settings import Settings
from tests.beside import PATIENCE, until_it_waits
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor


@contextmanager
def being_answered(generator: FakeGenerator, asks: list[Callable[[], TestResponse]]) -> Iterator[None]:
    """While the block runs, the model writes an answer to each of these; then all are answered."""
    all_asked, may_answer = threading.Semaphore(0), threading.Event()

    def write() -> None:
        all_asked.release()
        assert may_answer.wait(30)

    generator.meanwhile = write
    with ThreadPoolExecutor(len(asks)) as pool:
        sent: list[Future[TestResponse]] = [pool.submit(one) for one in asks]
        try:
            for _ in asks:
                assert all_asked.acquire(timeout=30)
            yield
        finally:
            generator.meanwhile = lambda: None
            may_answer.set()
    assert [one.result().status_code for one in sent] == [303] * len(asks)


def questions(engine: Engine) -> int:
    with session_scope(engine) as session:
        return session.scalar(select(func.count()).select_from(QuestionRow)) or 0


def same_person(visitor: Visitor, app: Flask) -> Visitor:
    """The same person in another tab, who may ask at the same time."""
    other = Visitor(app.test_client())
    for name in ("session", "rater"):
        cookie = visitor.client.get_cookie(name)
        assert cookie is not None
        other.client.set_cookie(name, cookie.value)
    return other


def refused(asked: TestResponse, sentence: str) -> bool:
    return (
        (asked.status_code, asked.headers.get("Retry-After")) == (503, "5")
        and sentence in asked.text
        and "And why is it blue?" in asked.text
    )


def test_one_rater_has_a_few_questions_answered_at_once(
    visitor: Visitor, new_visitor: Callable[[], Visitor], app: Flask, generator: FakeGenerator, clean: Engine
):
    path = visitor.answer_of(visitor.ask())
    tabs = [same_person(visitor, app) for _ in range(OF_ONE_RATER)]
    with being_answered(generator, [tab.ask for tab in tabs]):
        before = questions(clean)
        asked = visitor.ask(question="And why is it blue?")
        assert refused(asked, f"{OF_ONE_RATER} of your questions are being answered already")
        assert questions(clean) == before
        assert visitor.submit(visitor.get(path), f"{path}/rate", stars="4").status_code == 303
        generator.meanwhile = lambda: None
        assert new_visitor().ask().status_code == 303
    assert visitor.ask(question="And why is it blue?").status_code == 303


def test_all_raters_together_leave_threads_to_who_only_reads_and_rates(
    settings: Settings, app: Flask, generator: FakeGenerator, clean: Engine
):
    few = create_app(
        settings.model_copy(update={"feedback_threads": 4}),
        engine=clean,
        generator=generator,
    )
    several = [Visitor(few.test_client()) for _ in range(4)]
    late = several.pop()
    path = late.answer_of(late.ask())
    with being_answered(generator, [visitor.ask for visitor in several]):
        asked = late.ask(question="And why is it blue?")
        assert refused(asked, "Many people are being answered right now")
        assert late.submit(late.get(path), f"{path}/rate", stars="4").status_code == 303
        assert Visitor(app.test_client()).get("/").status_code == 200
    assert late.ask(question="And why is it blue?").status_code == 303


def test_of_many_at_the_same_moment_as_many_are_let_in_as_one_may_have(clean: Engine):
    asks, rater = AsksUnderWay.beside_others(clean, 64), RaterId(uuid4())
    together, over = threading.Barrier(4 * OF_ONE_RATER), threading.Event()

    def ask() -> bool:
        together.wait(30)
        try:
            with asks.one_more(rater):
                return over.wait(60)
        except TooManyOwnAsks:
            return False

    refusals = 3 * OF_ONE_RATER
    with ThreadPoolExecutor(4 * OF_ONE_RATER) as pool:
        outcomes = [pool.submit(ask) for _ in range(4 * OF_ONE_RATER)]
        deadline = time.monotonic() + 30
        while sum(one.done() for one in outcomes) < refusals and time.monotonic() < deadline:
            time.sleep(0.02)
        over.set()
    assert sorted(one.result() for one in outcomes) == [False] * refusals + [True] * OF_ONE_RATER


def test_the_last_that_may_be_is_one_though_two_are_asked_before_either_is_counted(clean: Engine):
    rater, pool = RaterId(uuid4()), ThreadPoolExecutor(1)
    under_way_elsewhere(clean, rater, ends_in="1 minute", asks=OF_ONE_RATER - 1)
    others: list[Future[None]] = []

    def ask() -> None:
        with AsksUnderWay(clean, at_once=9).one_more(rater):
            assert pool.submit(lambda: None).result(PATIENCE) is None  # the other was refused meanwhile

    def another_meanwhile(_: object) -> None:
        if not others:
            others.append(pool.submit(ask))
            until_it_waits(clean, others[0])

    event.listen(clean, "commit", another_meanwhile)
    try:
        with pool:
            ask()
    finally:
        event.remove(clean, "commit", another_meanwhile)
    assert isinstance(others[0].exception(), TooManyOwnAsks)


@pytest.mark.parametrize(("threads", "asks"), [(1, 1), (2, 1), (4, 3), (16, 14), (32, 28)])
def test_an_eighth_of_the_threads_is_left_alone(engine: Engine, threads: int, asks: int):
    assert AsksUnderWay.beside_others(engine, threads).at_once == asks


def under_way_elsewhere(engine: Engine, rater: RaterId, *, ends_in: str, asks: int = OF_ONE_RATER) -> None:
    """As many as one rater may have, in another process."""
    with session_scope(engine) as session:
        session.execute(
            text("""
                INSERT INTO asks_under_way (id, rater_id, ends_at)
                SELECT gen_random_uuid(), :rater, clock_timestamp() + CAST(:ends_in AS interval)
                FROM generate_series(1, :most)
            """),
            {"rater": rater, "ends_in": ends_in, "most": asks},
        )


def test_what_a_rater_asked_in_another_process_counts_until_it_must_be_over(
    visitor: Visitor, new_visitor: Callable[[], Visitor], clean: Engine
):
    visitor.ask()
    with session_scope(clean) as session:
        rater = RaterId(session.scalars(select(RaterRow.id)).one())
    under_way_elsewhere(clean, rater, ends_in="-1 second")
    assert visitor.ask().status_code == 303
    under_way_elsewhere(clean, rater, ends_in="1 minute")
    assert refused(visitor.ask(question="And why is it blue?"), "are being answered already")
    assert new_visitor().ask().status_code == 303


def test_an_ask_that_fails_is_no_longer_under_way(visitor: Visitor, generator: FakeGenerator):
    for problem, status in ((TextTooLong("prompt", length=9, limit=8), 400), (InferenceBusy(), 503)):
        generator.problem = problem
        for _ in range(OF_ONE_RATER + 1):
            asked = visitor.ask()
            assert (asked.status_code, str(problem) in asked.text) == (status, True)
