"""Two answers beside each other: offered, blind, on sides that are stored; each form counts once."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from feedback_app.backend import now
from services.db.comparing_tables import AnswerPairRow, ComparisonOfferRow
from services.db.feedback_tables import ComparisonRow, PersonaRow
from services.db.session import session_scope
from services.domain.feedback import AnswerId
from services.domain.personas import PersonaState
from services.feedback.pairing import pair_up
from services.feedback.personas import change_state
from tests.builders import add_answer
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor, answer_id, hidden_fields

ONE, OTHER = "It is the spine of a ship.", "A keel, arr, is what she stands on."


def add_pair(engine: Engine, *texts: str, context: str = "", question: str = "What is a keel?") -> list[UUID]:
    """Answers of other raters to one question, each paired up as it came."""
    with session_scope(engine) as session:
        persona = session.scalars(select(PersonaRow).where(PersonaRow.slug == "pirate")).one()
        added = []
        for text in texts or (ONE, OTHER):
            answer = add_answer(session, persona, question=question, text=text)
            answer.question.context = context
            session.flush()
            pair_up(session, AnswerId(answer.id))
            added.append(answer.id)
    return added


def policy(engine: Engine, **fields: int) -> None:
    with session_scope(engine) as session:
        persona = session.scalars(select(PersonaRow).where(PersonaRow.slug == "pirate")).one()
        persona.example_policy = persona.example_policy | fields


def begin(visitor: Visitor, slug: str = "pirate") -> str:
    """Where asking for two answers leads."""
    page = visitor.get(f"/p/{slug}/compare")
    return visitor.submit(page, f"/p/{slug}/compare").location


def offers(engine: Engine) -> list[ComparisonOfferRow]:
    with session_scope(engine) as session:
        return list(session.scalars(select(ComparisonOfferRow).order_by(ComparisonOfferRow.offered_at)))


def choices(engine: Engine) -> list[ComparisonRow]:
    with session_scope(engine) as session:
        return list(session.scalars(select(ComparisonRow).order_by(ComparisonRow.id)))


@pytest.fixture(autouse=True)
def normal_pairs(app: object, clean: Engine) -> None:  # noqa: ARG001  (it makes the persona)
    policy(clean, repeat_percent=0, known_percent=0)


def test_two_answers_of_others_are_shown_as_they_were_offered_and_the_choice_is_kept(
    visitor: Visitor, clean: Engine
):
    add_pair(clean)
    path = begin(visitor)
    page = visitor.get(path)
    (offer,) = offers(clean)
    left, right = (ONE, OTHER) if page.text.index(ONE) < page.text.index(OTHER) else (OTHER, ONE)
    thanked = visitor.submit(page, path, choice="left")
    assert "Thank you, your choice is saved." in visitor.get(thanked.location).text
    (chosen,) = choices(clean)
    assert (chosen.left_answer_id, chosen.right_answer_id) == (offer.left_answer_id, offer.right_answer_id)
    assert (chosen.choice, left != right) == ("left", True)
    assert offers(clean)[0].choice == "left"


def test_nothing_on_the_page_tells_whose_the_answers_are(visitor: Visitor, clean: Engine):
    ids = add_pair(clean, "As version 12, I say arr.", "I was made by Acme Labs. Arr.")
    page = visitor.get(begin(visitor)).text
    assert "As […], I say arr." in page
    assert "I was made by […]. Arr." in page
    assert not any(str(one) in page for one in ids)
    assert "@" not in page.replace("@media", "")


def test_looking_offers_nothing_and_what_waits_is_offered_again(visitor: Visitor, clean: Engine):
    add_pair(clean)
    assert '"/p/pirate/compare"' in visitor.get("/p/pirate").text
    assert '"/compare"' in visitor.get("/").text
    assert "Show me two answers" in visitor.get("/p/pirate/compare").text
    assert "Show me two answers" in visitor.get("/compare").text
    assert offers(clean) == []
    path = begin(visitor)
    assert visitor.get("/compare").location == visitor.get("/p/pirate/compare").location == path
    assert begin_again(visitor) == path
    assert len(offers(clean)) == 1


def begin_again(visitor: Visitor) -> str:
    home = next(page for page in visitor.seen if "Show me two answers" in page.text)
    return visitor.submit(home, "/p/pirate/compare").location


def test_a_pair_comes_once_and_who_has_seen_all_is_told_so(visitor: Visitor, clean: Engine):
    add_pair(clean)
    path = begin(visitor)
    after = visitor.submit(visitor.get(path), path, choice="tie").location
    assert "You have compared all the answers there are." in visitor.get(after).text


def test_no_more_than_the_policy_allows_is_asked_in_a_day(visitor: Visitor, clean: Engine):
    policy(clean, comparisons_asked=1)
    for question in ("What is a keel?", "What is a mast?"):
        add_pair(clean, question=question)
    path = begin(visitor)
    after = visitor.submit(visitor.get(path), path, choice="tie").location
    assert "which is the most for one day" in visitor.get(after).text
    assert len(offers(clean)) == 1


def test_what_was_not_offered_is_neither_shown_nor_taken(
    visitor: Visitor, new_visitor: Callable[[], Visitor], clean: Engine
):
    add_pair(clean)
    path = begin(visitor)
    page = visitor.get(path)
    stranger = new_visitor()
    stranger.ask()
    assert stranger.get(path).status_code == 404
    begun = stranger.get("/p/pirate/compare")
    assert (
        stranger.submit(
            begun, "/p/pirate/compare", to=path, choice="left", submission=str(uuid4())
        ).status_code
        == 404
    )
    assert visitor.submit(page, path, to=f"/comparisons/{uuid4()}", choice="left").status_code == 404
    assert choices(clean) == []


def test_a_form_sent_twice_counts_once_and_a_changed_mind_is_the_newest(visitor: Visitor, clean: Engine):
    add_pair(clean)
    path = begin(visitor)
    page = visitor.get(path)
    for _ in range(2):
        assert visitor.submit(page, path, choice="left").status_code == 303
    assert len(choices(clean)) == 1
    again = visitor.get(path)
    assert 'aria-pressed="true"' in again.text
    visitor.submit(again, path, choice="both bad")
    assert [one.choice for one in choices(clean)] == ["left", "both bad"]
    assert visitor.submit(page, path, choice="left").status_code == 409
    assert offers(clean)[0].choice == "left"


@pytest.mark.parametrize("choice", ["", "neither", "LEFT"])
def test_another_choice_than_the_four_is_refused_beside_the_answers(
    visitor: Visitor, clean: Engine, choice: str
):
    add_pair(clean)
    path = begin(visitor)
    refused = visitor.submit(visitor.get(path), path, choice=choice)
    assert refused.status_code == 400
    assert ONE in refused.text
    assert choices(clean) == []


def test_answers_with_a_context_that_is_somebody_elses_are_never_shown(visitor: Visitor, clean: Engine):
    add_pair(clean, context="My private letter.")
    assert "none=yes" in begin(visitor)


def test_who_asked_the_same_twice_compares_the_two(visitor: Visitor, clean: Engine, generator: FakeGenerator):
    paths = []
    for text in (ONE, OTHER):
        generator.text = text
        paths.append(visitor.answer_of(visitor.ask()))
    page = visitor.get(paths[0])
    beside = visitor.submit(page, f"{paths[0]}/compare").location
    assert ONE in visitor.get(beside).text
    assert OTHER in visitor.get(beside).text
    (offer,) = offers(clean)
    assert {offer.left_answer_id, offer.right_answer_id} == {answer_id(path) for path in paths}
    assert visitor.submit(visitor.get(paths[1]), f"{paths[1]}/compare").location == beside


def test_one_answer_alone_has_nothing_beside_it(visitor: Visitor):
    path = visitor.answer_of(visitor.ask())
    page = visitor.get(path)
    assert f"{path}/compare" not in page.text
    assert visitor.client.post(f"{path}/compare", data=hidden_fields(page, f"{path}/rate")).status_code == 404


def test_own_answers_come_before_those_of_others(visitor: Visitor, clean: Engine, generator: FakeGenerator):
    add_pair(clean)
    for text in ("Salt comes from rocks.", "Rivers bring it, arr."):
        generator.text = text
        visitor.ask()
    assert "Rivers bring it, arr." in visitor.get(begin(visitor)).text


def test_what_says_the_same_is_no_pair(clean: Engine):
    add_pair(clean, ONE, f" {ONE}\n")
    with session_scope(clean) as session:
        assert session.scalars(select(AnswerPairRow)).all() == []


def test_what_was_offered_and_chosen_is_told_taken_along_and_deleted(
    visitor: Visitor, clean: Engine, monkeypatch: pytest.MonkeyPatch
):
    add_pair(clean)
    path = begin(visitor)
    visitor.submit(visitor.get(path), path, choice="tie")
    monkeypatch.setattr("feedback_app.own_data.now", lambda: now() + timedelta(minutes=2))
    told = json.loads(visitor.get("/your-data/export").text)
    assert [one["choice"] for one in told["offers"]] == ["tie"]
    assert [one["choice"] for one in told["comparisons"]] == ["tie"]
    page = visitor.get("/your-data")
    assert "1 pair to compare" in page.text
    visitor.submit(page, "/your-data/delete", sure="yes")
    assert offers(clean) == []
    assert [one.choice for one in choices(clean)] == [""]


@pytest.mark.parametrize("kind", ["normal", "known"])
def test_a_known_pair_gives_itself_away_by_nothing(visitor: Visitor, clean: Engine, kind: str):
    add_pair(clean)
    begin(visitor)
    (given,) = offers(clean)
    path = f"/comparisons/{offer_like(clean, given, kind)}"
    waiting = json.loads(visitor.get("/your-data/export").text)["offers"]
    assert {name for one in waiting for name in one} == {"left_answer_id", "right_answer_id", "offered_at"}
    first = visitor.get(path)
    sent = [visitor.submit(first, path, choice="left").status_code for _ in range(2)]
    second = visitor.get(path)
    assert pressed(second) == ["left"]
    sent += [visitor.submit(second, path, choice="both bad").status_code]
    assert pressed(visitor.get(path)) == ["both bad"]
    sent += [
        visitor.submit(page, path, choice="left").status_code for page in (first, second, visitor.get(path))
    ]
    assert sent == [303, 303, 303, 409, 303, 303]
    assert pressed(visitor.get(path)) == ["left"]
    told = json.loads(visitor.get("/your-data/export").text)
    assert [one["choice"] for one in told["offers"] if "choice" in one] == ["left"]
    assert told["comparisons"] == []


def offer_like(engine: Engine, given: ComparisonOfferRow, kind: str) -> UUID:
    """An offer of the same two answers under another id, of which the better is known or not."""
    with session_scope(engine) as session:
        row = ComparisonOfferRow(
            persona_id=given.persona_id,
            rater_id=given.rater_id,
            left_answer_id=given.right_answer_id,
            right_answer_id=given.left_answer_id,
            kind=kind,
            expected="right" if kind == "known" else None,
            offered_at=given.offered_at,
        )
        session.add(row)
        session.flush()
        return row.id


def pressed(page: TestResponse) -> list[str]:
    return re.findall(r'value="([a-z ]+)"[^>]*aria-pressed="true"', page.text)


def test_once_the_persona_is_archived_the_thanks_lead_to_the_others(visitor: Visitor, clean: Engine):
    for question in ("What is a keel?", "What is a mast?"):
        add_pair(clean, question=question)
    path = begin(visitor)
    page = visitor.get(path)
    with session_scope(clean) as session:
        persona = session.scalars(select(PersonaRow)).one()
        change_state(persona, PersonaState.ARCHIVED, reason="done with", at=offers(clean)[0].offered_at)
    begun = visitor.get("/compare")
    assert begun.status_code == 200
    thanked = visitor.get(visitor.submit(page, path, choice="left").location)
    assert thanked.status_code == 200
    assert "Thank you, your choice is saved." in thanked.text
    assert len(offers(clean)) == 1
