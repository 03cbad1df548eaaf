"""Asking on from an answer, and asking the same once more, of the same persona or of another."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from services.db.feedback_tables import AnswerRow, QuestionRow
from services.db.session import session_scope
from services.domain.conversation import QUESTION_LIMIT
from services.errors.outages import InferenceBusy
from tests.builders import add_persona
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor, answer_id


def question_of(engine: Engine, path: str) -> QuestionRow:
    with session_scope(engine) as session:
        found = session.scalars(
            select(QuestionRow)
            .join(AnswerRow, AnswerRow.question_id == QuestionRow.id)
            .where(AnswerRow.id == answer_id(path))
        ).one()
        session.expunge(found)
        return found


@pytest.fixture
def path(visitor: Visitor) -> str:
    return visitor.answer_of(visitor.ask(context="A chart."))


def ask_on(visitor: Visitor, path: str, question: str) -> str:
    return visitor.answer_of(visitor.submit(visitor.get(path), f"{path}/ask", question=question))


def test_who_asks_on_is_read_what_was_said_before_and_sees_it(
    visitor: Visitor, path: str, engine: Engine, generator: FakeGenerator
):
    generator.texts = ["Less so.", "They dry up."]
    second = ask_on(visitor, path, "And lakes?")
    third = ask_on(visitor, second, "Why is that?")
    assert generator.requests[-1].messages[-1].content == (
        "Context:\nUser: A chart.\n\nWhy is the sea salty?\nAssistant: A short answer.\n"
        "User: And lakes?\nAssistant: Less so.\n\nQuestion:\nWhy is that?"
    )
    page = visitor.get(third).text
    shown = [
        page.index(words) for words in ("Why is the sea salty?", "A short answer.", "And lakes?", "Less so.")
    ]
    assert shown == sorted(shown)
    assert page.index("Less so.") < page.index("Why is that?") < page.index("They dry up.")
    assert "The text you gave with it" not in page
    assert page.count("A chart.") == 1
    assert 'id="left-out"' not in page
    places = [question_of(engine, one) for one in (path, second, third)]
    assert len({place.conversation_id for place in places}) == 1
    assert [place.follows_id for place in places] == [None, places[0].id, places[1].id]


def test_an_answer_that_was_gone_back_to_is_gone_on_from_and_not_the_newest(
    visitor: Visitor, path: str, generator: FakeGenerator
):
    ask_on(visitor, path, "And lakes?")
    ask_on(visitor, path, "And rivers?")
    assert "lakes" not in generator.requests[-1].messages[-1].content


def test_asking_on_twice_by_one_form_has_one_answer(visitor: Visitor, path: str, generator: FakeGenerator):
    page = visitor.get(path)
    sent = [visitor.submit(page, f"{path}/ask", question="And lakes?") for _ in range(2)]
    assert sent[0].location == sent[1].location
    assert len(generator.requests) == 2


def test_the_same_question_once_more_has_a_second_answer_by_another_seed(
    visitor: Visitor, path: str, engine: Engine, generator: FakeGenerator
):
    generator.text = "Rivers bring the salt."
    second = ask_on(visitor, path, "And lakes?")
    again = visitor.answer_of(visitor.submit(visitor.get(second), f"{second}/again", persona="pirate"))
    assert again != second
    first, other = generator.requests[-2:]
    assert first.messages == other.messages
    assert first.seed != other.seed
    asked, anew = question_of(engine, second), question_of(engine, again)
    assert (anew.conversation_id, anew.follows_id) == (asked.conversation_id, asked.follows_id)
    assert "Why is the sea salty?" in visitor.get(again).text


def test_another_persona_is_asked_the_same_question_in_a_conversation_of_its_own(
    visitor: Visitor, path: str, engine: Engine, generator: FakeGenerator
):
    with session_scope(engine) as session:
        add_persona(session, slug="professor", display_name="The Professor")
    second = ask_on(visitor, path, "And lakes?")
    page = visitor.get(second)
    assert '<option value="professor">The Professor</option>' in page.text
    switched = visitor.answer_of(visitor.submit(page, f"{second}/again", persona="professor"))
    assert generator.requests[-1].messages[-1] == generator.requests[-2].messages[-1]
    assert "answered by The Professor" in visitor.get(switched).text
    assert question_of(engine, switched).conversation_id != question_of(engine, second).conversation_id
    on = ask_on(visitor, switched, "Why?")
    said = visitor.get(on).text
    assert (
        said.index("Why is the sea salty?") < said.index("And lakes?") < said.index("The Professor answered")
    )


def test_an_unknown_persona_is_not_found(visitor: Visitor, path: str):
    assert visitor.submit(visitor.get(path), f"{path}/again", persona="nobody").status_code == 404


@pytest.mark.parametrize("question", ["", "w" * (QUESTION_LIMIT + 1)])
def test_a_question_that_cannot_be_asked_is_kept_beside_the_sentence(
    visitor: Visitor, path: str, question: str
):
    refused = visitor.submit(visitor.get(path), f"{path}/ask", question=question)
    assert refused.status_code == 400
    assert "The question " in refused.text
    assert f">\n{question}</textarea>" in refused.text


def test_with_inference_busy_the_question_is_kept_and_can_be_sent_again(
    visitor: Visitor, path: str, generator: FakeGenerator
):
    generator.problem = InferenceBusy()
    refused = visitor.submit(visitor.get(path), f"{path}/ask", question="And lakes?")
    assert refused.status_code == 503
    assert ">\nAnd lakes?</textarea>" in refused.text
    generator.problem = None
    again = visitor.submit(refused, f"{path}/ask", question="And lakes?")
    assert visitor.get(visitor.answer_of(again)).status_code == 200


@pytest.mark.parametrize("action", ["ask", "again"])
def test_nobody_goes_on_from_another_raters_answer(
    new_visitor: Callable[[], Visitor], path: str, action: str, generator: FakeGenerator
):
    stranger = new_visitor()
    own = stranger.answer_of(stranger.ask())
    asked = len(generator.requests)
    page = stranger.get(own)
    fields = {"question": "And lakes?", "persona": "pirate"}
    assert stranger.submit(page, f"{own}/{action}", to=f"{path}/{action}", **fields).status_code == 403
    missing = f"/answers/{UUID(int=1)}/{action}"
    assert stranger.submit(page, f"{own}/{action}", to=missing, **fields).status_code == 404
    assert len(generator.requests) == asked
