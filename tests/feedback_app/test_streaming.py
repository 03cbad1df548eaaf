"""An answer told while it is written: what is stored is what was told, once, whoever goes away."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine, func, select, update
from werkzeug.test import TestResponse

from services.adapters.file_store import FileAdapterStore
from services.db.feedback_tables import AnswerRow, PersonaRow, QuestionRow, RaterRow
from services.db.rate_tables import AskUnderWayRow
from services.db.session import session_scope
from services.domain.answer_formats import AnswerFormat
from services.domain.conversation import QUESTION_LIMIT
from services.errors.outages import InferenceBusy
from services.jobs.erase import erase_with
from services.jobs.installation import Installation
from services.language_model.asking import STOPPED
from services.settings import Settings
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import PATIENCE_S, Visitor, hidden_fields

WORDS = "Rivers bring the salt of the rocks to the sea."
ACCEPT = {"Accept": "text/event-stream"}


def told_ask(
    visitor: Visitor, action: str = "/p/pirate/ask", page: str = "/p/pirate", **fields: str
) -> TestResponse:
    sent = hidden_fields(visitor.get(page), action) | {"question": "Why is the sea salty?"} | fields
    return visitor.client.post(action, data=sent, headers=ACCEPT)


def events(response: TestResponse) -> list[tuple[str, str]]:
    assert response.mimetype == "text/event-stream"
    told = [event.split("\n") for event in response.text.split("\n\n") if event.startswith("event:")]
    return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for kind, data in told]


def answers(engine: Engine) -> list[tuple[str, str]]:
    with session_scope(engine) as session:
        rows = session.execute(select(AnswerRow.text, AnswerRow.finish_reason).order_by(AnswerRow.created_at))
        return [(row.text, row.finish_reason) for row in rows]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def nobody_writes_on() -> Iterator[None]:
    yield
    wait_for(lambda: not any(thread.name == "writing" for thread in threading.enumerate()))


@dataclass
class Gate:
    """Lets the model go on after so many words only when it is opened."""

    words: int
    told: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> None:
        self.told += 1
        if self.told == self.words:
            self.reached.set()
            assert self.opened.wait(PATIENCE_S)


def test_what_is_told_piece_by_piece_is_stored_and_shown(
    visitor: Visitor, generator: FakeGenerator, engine: Engine
):
    generator.text = f"{WORDS}\n\nIndeed \U0001f30a."
    *pieces, (done, page) = events(told_ask(visitor))
    assert {kind for kind, _ in pieces} == {"piece"}
    assert len(pieces) > 5
    assert "".join(words for _, words in pieces) == generator.text
    assert done == "done"
    assert answers(engine) == [(generator.text, "stop")]
    assert WORDS in visitor.get(page).text


def test_words_arrive_before_the_answer_is_whole(visitor: Visitor, generator: FakeGenerator, engine: Engine):
    generator.text, gate = WORDS, Gate(words=2)
    generator.between_words = gate
    arriving = told_ask(visitor).iter_encoded()
    assert b'"Rivers"' in next(arriving)
    assert answers(engine) == []
    gate.opened.set()
    assert b"event: done" in b"".join(arriving)


def test_the_same_form_once_more_leads_to_the_same_answer_at_once(
    visitor: Visitor, generator: FakeGenerator, engine: Engine
):
    page = visitor.get("/p/pirate")
    form = hidden_fields(page, "/p/pirate/ask") | {"question": "Why?"}
    first, again = (
        events(visitor.client.post("/p/pirate/ask", data=form, headers=ACCEPT))[-1] for _ in range(2)
    )
    plain = visitor.client.post("/p/pirate/ask", data=form)
    assert first == again == ("done", plain.location)
    assert len(generator.requests) == len(answers(engine)) == 1


def test_who_goes_away_in_the_middle_finds_the_whole_answer_in_their_history(
    visitor: Visitor, generator: FakeGenerator, engine: Engine
):
    generator.text, gate = WORDS, Gate(words=2)
    generator.between_words = gate
    response = told_ask(visitor)
    next(response.iter_encoded())
    response.close()
    gate.opened.set()
    wait_for(lambda: answers(engine) == [(WORDS, "stop")])
    assert WORDS in visitor.get("/history").text


def test_what_was_written_when_its_asker_had_enough_is_kept_and_says_so(
    visitor: Visitor, generator: FakeGenerator, engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("feedback_app.streaming.LOOKS_EVERY_S", 0.0)
    generator.text, gate = WORDS, Gate(words=3)
    generator.between_words = gate
    form = hidden_fields(visitor.get("/p/pirate"), "/p/pirate/ask") | {"question": "Why?"}
    response = visitor.client.post("/p/pirate/ask", data=form, headers=ACCEPT)
    assert gate.reached.wait(PATIENCE_S)
    assert visitor.client.post("/stop", data=form).status_code == 204
    gate.opened.set()
    *pieces, (_, page) = events(response)
    told = "".join(words for _, words in pieces)
    assert told == "Rivers bring the salt"
    assert answers(engine) == [(told, STOPPED)]
    assert "You stopped it here." in visitor.get(page).text


def test_nobody_stops_what_another_rater_asked(
    new_visitor: Callable[[], Visitor], visitor: Visitor, engine: Engine
):
    stranger = new_visitor()
    stranger.ask()
    form = hidden_fields(visitor.get("/p/pirate"), "/p/pirate/ask") | {"question": "Why?"}
    events(visitor.client.post("/p/pirate/ask", data=form, headers=ACCEPT))
    theirs = hidden_fields(stranger.get("/p/pirate"), "/p/pirate/ask")
    stranger.client.post("/stop", data=theirs | {"submission": form["submission"]})
    with session_scope(engine) as session:
        assert session.scalar(select(func.count(QuestionRow.stopped_at))) == 0
    visitor.client.post("/stop", data=form)
    with session_scope(engine) as session:
        assert session.scalar(select(func.count(QuestionRow.stopped_at))) == 1


def test_an_answer_that_is_not_in_its_format_is_void_and_told_anew(
    visitor: Visitor, generator: FakeGenerator, engine: Engine
):
    with session_scope(engine) as session:
        session.execute(update(PersonaRow).values(answer_format=AnswerFormat.MCQ))
    generator.texts = ["Paris", "B"]
    told = events(told_ask(visitor, question="Which?\nA. Paris\nB. Rome"))
    assert told[:3] == [("piece", "Paris"), ("anew", ""), ("piece", "B")]
    assert answers(engine) == [("B", "stop")]


def test_what_cannot_be_answered_is_refused_and_the_plain_form_says_why(
    visitor: Visitor, generator: FakeGenerator, engine: Engine
):
    generator.problem = InferenceBusy()
    assert events(told_ask(visitor)) == [("refused", "")]
    assert answers(engine) == []
    generator.problem = None
    assert events(told_ask(visitor))[-1][0] == "done"


def test_whoever_is_erased_while_it_is_written_is_led_to_where_that_is_said(
    visitor: Visitor, generator: FakeGenerator, engine: Engine, settings: Settings
):
    """Their form is not sent once more: in another rater's name it would bring their question back."""
    store = FileAdapterStore(settings.store_url)

    def erase() -> None:
        with session_scope(engine) as session:
            rater = str(session.scalars(select(RaterRow.id)).one())
        erase_with(Installation(settings, engine, store, generator), rater, "by letter", "test")

    generator.text, generator.between_words = WORDS, erase
    *_, (kind, page) = events(told_ask(visitor))
    assert (kind, answers(engine)) == ("erased", [])
    assert "All you said here is deleted" in visitor.get(page).text


def test_a_question_that_is_refused_before_it_is_asked_gets_its_page(visitor: Visitor):
    refused = told_ask(visitor, question="w" * (QUESTION_LIMIT + 1))
    assert (refused.status_code, refused.mimetype) == (400, "text/html")


def test_asking_on_and_asking_again_are_told_too(visitor: Visitor, engine: Engine):
    path = visitor.answer_of(visitor.ask())
    for action in ("ask", "again"):
        told = told_ask(visitor, f"{path}/{action}", path, persona="pirate")
        assert events(told)[-1][0] == "done"
    assert len(answers(engine)) == 3


def test_an_answer_that_is_being_told_counts_as_an_ask_until_it_is_stored(
    visitor: Visitor, generator: FakeGenerator, clean: Engine
):
    def under_way() -> int:
        with session_scope(clean) as session:
            return session.scalar(select(func.count()).select_from(AskUnderWayRow)) or 0

    gate = Gate(words=1)
    generator.between_words = gate
    response = told_ask(visitor)
    response.close()
    assert gate.reached.wait(PATIENCE_S)
    assert under_way() == 1
    gate.opened.set()
    wait_for(lambda: not under_way())
