"""Rating somebody else's answer: only what was offered, never its context."""

import re
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from services.db.feedback_tables import AnswerRow, PeerOfferRow, PersonaRow, RatingRow
from services.db.session import session_scope
from services.feedback.erasing import bury, lock_rater
from services.feedback.rating import rate
from tests.builders import AT, add_answer, asker_of
from tests.feedback_app.conftest import Visitor, hidden_fields


def rated_by_another(engine: Engine, *, context: str = "") -> str:
    """The id of an answer that another rater got and rated; every rating is followed by an offer now."""
    with session_scope(engine) as session:
        persona = session.scalars(select(PersonaRow).where(PersonaRow.slug == "pirate")).one()
        persona.example_policy = persona.example_policy | {"peer_percent": 100}
        answer = add_answer(session, persona, question="What is a keel?", text="It is the spine of a ship.")
        answer.question.context = context
        rate(session, answer_id=answer.id, rater=asker_of(answer), stars=4, submission=uuid4(), at=AT)
        return str(answer.id)


def ask_and_rate(visitor: Visitor) -> TestResponse:
    path = visitor.answer_of(visitor.ask())
    visitor.submit(visitor.get(path), f"{path}/rate", stars="5")
    return visitor.get(path)


@pytest.mark.usefixtures("app")
def test_after_a_rating_somebody_elses_answer_is_offered_and_can_be_rated(visitor: Visitor, clean: Engine):
    other = rated_by_another(clean)
    assert f"/peers/{other}" in ask_and_rate(visitor).text

    offered = visitor.get(f"/peers/{other}")
    assert "What is a keel?" in offered.text
    assert "It is the spine of a ship." in offered.text
    thanked = visitor.submit(offered, f"/peers/{other}/rate", stars="2", reasons="wrong fact")
    saved = visitor.get(thanked.location)
    assert "Thank you, your opinion of it is saved." in saved.text
    undone = visitor.submit(saved, f"/peers/{other}/undo")
    assert "is taken back" in visitor.get(undone.location).text
    assert "Save my opinion" in visitor.get(undone.location).text

    with session_scope(clean) as session:
        given = session.scalars(
            select(RatingRow).where(RatingRow.answer_id == UUID(other)).order_by(RatingRow.id)
        ).all()
    assert [(rating.stars, rating.reasons) for rating in given] == [(4, []), (2, ["wrong fact"])]


@pytest.mark.usefixtures("app")
def test_an_offered_answer_that_is_rated_as_ones_own_is_shown_as_the_other_that_it_is(
    visitor: Visitor, clean: Engine
):
    other = rated_by_another(clean)
    ask_and_rate(visitor)
    form = hidden_fields(visitor.get(f"/peers/{other}"), f"/peers/{other}/rate")
    saved = visitor.client.post(f"/answers/{other}/rate", data=form | {"stars": "2"})
    assert saved.status_code == 303
    shown = visitor.get(saved.location)
    assert shown.status_code == 200
    assert re.search(r'value="2"[^>]* checked', shown.text)


@pytest.mark.usefixtures("app")
def test_what_was_erased_just_as_it_was_offered_keeps_nobody_from_the_next(visitor: Visitor, clean: Engine):
    gone = rated_by_another(clean)
    assert f"/peers/{gone}" in ask_and_rate(visitor).text
    with session_scope(clean) as session:
        offered = session.scalars(select(PeerOfferRow)).one()
        was = {"rater_id": offered.rater_id, "answer_id": offered.answer_id, "offered_at": AT}
        asker = asker_of(session.get_one(AnswerRow, UUID(gone)))
        lock_rater(session, asker).erased_at = AT
        session.flush()
        bury(session, asker, secret="x")
        session.expunge(offered)
        session.add(PeerOfferRow(**was))
    following = rated_by_another(clean)
    shown = ask_and_rate(visitor).text
    assert f"/peers/{gone}" not in shown
    assert f"/peers/{following}" in shown


def test_an_answer_with_a_context_is_never_offered(visitor: Visitor, clean: Engine):
    other = rated_by_another(clean, context="My private letter.")
    assert f"/peers/{other}" not in ask_and_rate(visitor).text


def test_what_was_not_offered_cannot_be_seen_or_rated(visitor: Visitor, clean: Engine):
    other = rated_by_another(clean)
    visitor.ask()
    assert visitor.get(f"/peers/{other}").status_code == 403


def test_a_policy_without_peers_offers_nobody(visitor: Visitor, clean: Engine):
    other = rated_by_another(clean)
    with session_scope(clean) as session:
        persona = session.scalars(select(PersonaRow).where(PersonaRow.slug == "pirate")).one()
        persona.example_policy = persona.example_policy | {"peer_percent": 0}
    assert f"/peers/{other}" not in ask_and_rate(visitor).text


def test_an_unknown_reason_is_refused_with_the_words_there_are(visitor: Visitor):
    path = visitor.answer_of(visitor.ask())
    refused = visitor.submit(visitor.get(path), f"{path}/rate", stars="3", reasons="because")
    assert refused.status_code == 400
    assert "wrong fact" in refused.text
