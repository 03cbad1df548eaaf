"""The benchmark of assembling times each rule where it is called."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
from sqlalchemy.orm import Session

from benchmarks._assembling import RULES, STREAMS, Clock
from services.db.feedback_tables import PersonaRow
from services.domain.splits import Split
from services.feedback.questions import new_rater
from tests.builders import AT, add_answer, add_comparison, add_correction, add_rating
from tests.services.training_sets.champions import SECOND, crown, say
from tests.services.training_sets.conftest import Nights, Questions, asked, nights, persona, questions

__all__ = ["asked", "nights", "persona", "questions"]  # fixtures


def rate_and_compare(session: Session, persona: PersonaRow, asked: Iterator[str]) -> None:
    """What makes every rule do something: agreement, a choice, and a word that replaces an earlier one."""
    raters = [new_rater(session, at=AT) for _ in range(4)]
    for question in islice(asked, 6):
        one, other = (
            add_answer(session, persona, question=question, text=text, at=SECOND) for text in ("A.", "B.")
        )
        for rater in raters:
            add_rating(session, one, stars=5, rater=rater, at=SECOND)
        add_comparison(session, one, other, rater=raters[0], at=SECOND)


def noted(name: str, step: Callable[..., Any], called: set[str]) -> Callable[..., Any]:
    def stepped(*arguments: Any, **named: Any) -> Any:
        called.add(name)
        return step(*arguments, **named)

    return stepped


def test_every_rule_that_is_timed_is_timed_in_a_night(
    session: Session,
    persona: PersonaRow,
    nights: Nights,
    asked: Iterator[str],
    questions: Questions,
    monkeypatch: pytest.MonkeyPatch,
):
    persona.example_policy = persona.example_policy | {"start": "champion", "replay_percent": 50}
    say(session, persona, asked, 6)
    crown(session, nights.assemble())
    say(session, persona, asked, 4, at=SECOND)
    held_out = next(questions(Split.HOLDOUT))
    add_correction(session, add_answer(session, persona, question=held_out, at=SECOND), "So.", at=SECOND)
    rate_and_compare(session, persona, asked)
    clock, called = Clock(), set[str]()
    for place, name, timed in list(clock.on_every_rule()):
        monkeypatch.setattr(place, name, noted(f"{place.__name__}.{name}", timed, called))

    nights.assemble(minutes=120)

    assert set(clock.took) == {*RULES, *STREAMS}
    assert all(seconds > 0 for seconds in clock.took.values())
    named = [place for functions in RULES.values() for place in functions] + list(STREAMS.values())
    assert {f"{place.__name__}.{name}" for place, name in named} == called
