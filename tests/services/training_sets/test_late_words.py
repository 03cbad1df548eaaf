"""Words that were said before a night's cutoff and committed after it had read: the next night hears them."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona
from services.db.feedback_tables import AnswerRow
from services.db.session import session_scope
from services.domain.example_policy import ExamplePolicy
from services.domain.feedback import Reason
from tests.builders import (
    AT,
    add_answer,
    add_comparison,
    add_correction,
    add_persona,
    add_rating,
    add_retraction,
)
from tests.services.training_sets.champions import crown, say, sources
from tests.services.training_sets.conftest import POLICY, Nights, Record

SHORTLY_BEFORE = AT + timedelta(minutes=59)  # the cutoff of the first night
Say = Callable[[Session, AnswerRow, AnswerRow], str]


class Loop:
    """Nights that commit, each in a transaction of its own; what they learn serves."""

    def __init__(self, engine: Engine, folder: Path, asked: Iterator[str]) -> None:
        self.engine, self.folder, self.asked = engine, folder, asked
        self.store = f"file://{folder / 'store'}"
        with session_scope(engine) as session:
            persona = add_persona(session, example_policy=self.policy())
            say(session, persona, asked, 4)
            self.question = next(asked)
            self.answers = [
                add_answer(session, persona, question=self.question, text=text).id for text in ("A.", "B.")
            ]

    def policy(self, **others: object) -> ExamplePolicy:
        return ExamplePolicy(**(asdict(POLICY) | {"start": "champion", "replay_percent": 90} | others))

    def night(self, minutes: int) -> list[Record]:
        """The rows of a night before which two more answers were corrected."""
        with session_scope(self.engine) as session:
            persona = find_persona(session, "pirate")
            say(session, persona, self.asked, 2, at=AT + timedelta(minutes=minutes - 15))
            nights = Nights(session, persona, self.store, self.folder / "thawed")
            training_set = nights.assemble(minutes=minutes)
            crown(session, training_set, minutes=minutes + 1, number=minutes)
            return nights.rows(training_set)

    def two_answers(self, session: Session) -> tuple[AnswerRow, AnswerRow]:
        left, right = (session.get_one(AnswerRow, one) for one in self.answers)
        return left, right


@pytest.fixture
def loop(clean: Engine, tmp_path: Path, asked: Iterator[str]) -> Loop:
    return Loop(clean, tmp_path, asked)


def praised(session: Session, left: AnswerRow, _: AnswerRow) -> str:
    add_rating(session, left, at=SHORTLY_BEFORE)
    return add_rating(session, left, at=SHORTLY_BEFORE)


def corrected(session: Session, left: AnswerRow, _: AnswerRow) -> str:
    return add_correction(session, left, "Better.", at=SHORTLY_BEFORE)


def compared(session: Session, left: AnswerRow, right: AnswerRow) -> str:
    return add_comparison(session, left, right, at=SHORTLY_BEFORE)


@pytest.mark.parametrize("said", [praised, corrected, compared])
def test_a_word_committed_after_the_night_had_read_is_learnt_by_the_next(loop: Loop, said: Say):
    with session_scope(loop.engine) as slow:
        word = said(slow, *loop.two_answers(slow))
        assert word not in sources(loop.night(60))  # by another connection
    assert word in sources(loop.night(120))
    assert word in sources(loop.night(180))  # replayed


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("said", [corrected, compared])
def test_what_a_night_learnt_and_its_rater_took_back_is_learnt_no_more(
    loop: Loop, said: Callable[..., str], *, late: bool
):
    with session_scope(loop.engine) as session:
        word = said(session, *loop.two_answers(session))
    with session_scope(loop.engine) as slow:
        if late:  # before the cutoff, and committed after the night had read
            add_retraction(slow, word, at=SHORTLY_BEFORE + timedelta(seconds=30))
        assert word in sources(loop.night(60))
        if not late:
            add_retraction(slow, word, at=AT + timedelta(minutes=60, seconds=1))
    assert word not in sources(loop.night(120))
    assert word not in sources(loop.night(180))  # nor replayed


def test_a_row_that_it_overtook_does_not_come_back(loop: Loop):
    with session_scope(loop.engine) as session:
        left, _ = loop.two_answers(session)
        praise = {add_rating(session, left) for _ in range(2)}
    with session_scope(loop.engine) as slow:
        add_rating(slow, loop.two_answers(slow)[0], reasons=[Reason.WRONG_FACT], at=SHORTLY_BEFORE)
        assert sources(loop.night(60)) >= praise
    for minutes in (120, 180):
        demonstrated = [row for row in loop.night(minutes) if row["kind"] == "demonstration"]
        assert sources(demonstrated).isdisjoint(praise)


def test_words_that_the_night_did_see_are_not_heard_again(loop: Loop):
    with session_scope(loop.engine) as session:
        left, right = loop.two_answers(session)
        seen = {said(session, left, right) for said in (praised, corrected, compared)}
    loop.night(60)
    with session_scope(loop.engine) as session:
        persona = find_persona(session, "pirate")
        persona.example_policy = persona.example_policy | {"replay_percent": 0}
    assert sources(loop.night(120)).isdisjoint(seen)


@pytest.mark.parametrize("start", ["champion", "base"])
@pytest.mark.parametrize("said", [praised, corrected, compared])
def test_a_night_before_which_nothing_else_was_said_learns_it(loop: Loop, said: Say, start: str):
    with session_scope(loop.engine) as session:
        find_persona(session, "pirate").example_policy = asdict(loop.policy(start=start))
    with session_scope(loop.engine) as slow:
        word = said(slow, *loop.two_answers(slow))
        loop.night(60)
    with session_scope(loop.engine) as session:
        nights = Nights(session, find_persona(session, "pirate"), loop.store, loop.folder / "thawed")
        assert word in sources(nights.rows(nights.assemble(minutes=120)))
