"""Rating, correcting and commenting on one's own answer; nobody else may see or touch it."""

from collections.abc import Callable
from html import escape
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, select, update

from services.adapters.promotions import find_persona
from services.db.feedback_tables import (
    CommentRow,
    CorrectionRow,
    PersonaRow,
    RatingRow,
)
from services.db.session import session_scope
from services.domain.feedback import COMMENT_LIMIT, CORRECTION_LIMIT
from tests.counted import counted
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor, hidden_fields
from tests.feedback_app.said import ratings, texts

FORMS = (("rate", {"stars": "4"}), ("correct", {"text": "Arr!"}), ("comment", {"text": "Too dry."}))
HOSTILE = "</textarea><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7*7 }}"


def test_a_rating_is_saved_and_thanked_for(visitor: Visitor, path: str, engine: Engine):
    sent = visitor.submit(visitor.get(path), f"{path}/rate", stars="4")
    assert (sent.status_code, sent.location) == (303, f"{path}#rating")
    page = visitor.get(path).text
    assert "Thank you, your 4 stars are saved." in page
    assert 'value="4" required checked' in page
    assert ratings(engine) == ([4], [4])


def test_one_star_is_thanked_for_in_the_singular(visitor: Visitor, path: str):
    visitor.submit(visitor.get(path), f"{path}/rate", stars="1")
    assert "Thank you, your 1 star is saved." in visitor.get(path).text


def test_a_rating_sent_twice_counts_once(visitor: Visitor, path: str, engine: Engine):
    page = visitor.get(path)
    for _ in range(2):
        assert visitor.submit(page, f"{path}/rate", stars="4").status_code == 303
    assert ratings(engine) == ([4], [4])


def test_a_rating_is_two_statements(visitor: Visitor, path: str, engine: Engine):
    with session_scope(engine) as session:
        persona = find_persona(session, "pirate")
        persona.example_policy = persona.example_policy | {"peer_percent": 0}  # else one in five has more
    visitor.submit(visitor.get(path), f"{path}/rate", stars="4")  # with the box that is ticked once
    page = visitor.get(path)
    with counted() as statements:
        visitor.submit(page, f"{path}/rate", stars="5", submission=str(UUID(int=8)))
    assert len(statements) == 2, statements


def test_a_changed_mind_is_a_new_row_and_the_newest_counts(visitor: Visitor, path: str, engine: Engine):
    for stars in ("2", "5"):
        visitor.submit(visitor.get(path), f"{path}/rate", stars=stars)
    assert ratings(engine) == ([2, 5], [5])


def test_a_thumb_says_it_too_and_the_newest_of_stars_and_thumbs_counts(
    visitor: Visitor, path: str, engine: Engine
):
    visitor.submit(visitor.get(path), f"{path}/rate", stars="4")
    visitor.submit(visitor.get(path), f"{path}/rate", thumb="down", reasons="too long")
    page = visitor.get(path).text
    assert "Thank you, your thumb down is saved." in page
    assert "You gave it thumb down" in page
    assert 'value="down" formnovalidate' in page
    assert page.count('aria-pressed="true"') == 1
    assert "thumb down" in visitor.get("/history").text
    with session_scope(engine) as session:
        said = session.scalars(select(RatingRow).order_by(RatingRow.id)).all()
        assert [(one.stars, one.thumb, one.reasons) for one in said] == [
            (4, None, []),
            (None, "down", ["too long"]),
        ]
    visitor.submit(visitor.get(path), f"{path}/rate", stars="5")
    assert ratings(engine)[1] == [5]


def test_a_thumb_that_is_none_is_refused(visitor: Visitor, path: str, engine: Engine):
    sent = visitor.submit(visitor.get(path), f"{path}/rate", thumb="sideways", stars="4")
    assert sent.status_code == 400
    assert "A thumb is up or down" in sent.text
    assert ratings(engine) == ([], [])


def test_a_form_that_was_gone_back_to_is_saved_or_refused_but_never_thanked_for_in_vain(
    visitor: Visitor, path: str, engine: Engine
):
    page = visitor.get(path)
    for stars in ("2", "5"):
        visitor.submit(page, f"{path}/rate", stars=stars)
        assert f"Thank you, your {stars} stars are saved." in visitor.get(path).text
    refused = visitor.submit(page, f"{path}/rate", stars="2")
    assert refused.status_code == 409
    assert "what you said after it counts" in refused.text
    assert ratings(engine) == ([2, 5], [5])
    visitor.submit(refused, f"{path}/rate", stars="2")
    assert ratings(engine) == ([2, 5, 2], [2])


def test_a_thank_you_waits_for_the_page_of_its_answer(visitor: Visitor, path: str):
    other = visitor.answer_of(visitor.ask(question="Why is the sea blue?"))
    visitor.submit(visitor.get(path), f"{path}/rate", stars="4")
    visitor.submit(visitor.get(other), f"{other}/comment", text="Too dry.")
    assert "your 4 stars are saved" not in visitor.get(other).text
    page = visitor.get(path).text
    assert "Thank you, your 4 stars are saved." in page
    assert "your comment is saved" not in page


def test_thanks_that_nobody_reads_do_not_pile_up(visitor: Visitor, path: str):
    page = visitor.get(path)
    for number in range(60):
        visitor.submit(page, f"{path}/comment", text=f"Comment {number}.")
    cookie = visitor.client.get_cookie("session")
    assert cookie is not None
    assert len(cookie.value) < 1_500


@pytest.mark.parametrize(
    ("stars", "sentence"),
    [
        ("0", "A rating of 0 does not exist: choose 1, 2, 3, 4 or 5 stars."),
        ("7", "A rating of 7 does not exist"),
        ("-3", "A rating of -3 does not exist"),
        ("", "No stars were chosen"),
        ("4.5", "No stars were chosen"),
        ("five", "No stars were chosen"),
        ("9" * 5000, "No stars were chosen"),
        ("2147483648", "No stars were chosen"),
        ("999999999", "A rating of 999999999 does not exist"),
        ("\u0663", "No stars were chosen"),
        ("3\n", "No stars were chosen"),
        ("\x00", "No stars were chosen"),
    ],
)
def test_a_rating_that_is_no_star_is_refused(
    visitor: Visitor, path: str, engine: Engine, stars: str, sentence: str
):
    sent = visitor.submit(visitor.get(path), f"{path}/rate", stars=stars)
    assert sent.status_code == 400
    assert sentence in sent.text
    assert "A short answer." in sent.text
    assert ratings(engine) == ([], [])


def test_a_better_answer_starts_from_the_answer_and_stays_in_its_place(
    visitor: Visitor, path: str, engine: Engine
):
    page = visitor.get(path)
    assert ">\nA short answer.</textarea>" in page.text
    visitor.submit(page, f"{path}/correct", text="Arr!\r\n\r\nSalt.")
    page = visitor.get(path)
    assert "Thank you, your better answer is saved." in page.text
    assert ">\nArr!\n\nSalt.</textarea>" in page.text
    assert "A short answer." in page.text
    assert texts(engine, CorrectionRow) == ["Arr!\n\nSalt."]


def test_what_a_better_answer_changes_is_shown_word_by_word_and_inert(visitor: Visitor, path: str):
    assert "What you changed" not in visitor.get(path).text
    visitor.submit(visitor.get(path), f"{path}/correct", text="A <b>long</b> answer.")
    page = visitor.get(path).text
    assert "[taken out: </span>short " in page
    assert "[put in: </span>&lt;b&gt;long&lt;/b&gt; " in page


def test_a_comment_is_saved_and_shown(visitor: Visitor, path: str, engine: Engine):
    visitor.submit(visitor.get(path), f"{path}/comment", text="Too dry.")
    page = visitor.get(path).text
    assert "Thank you, your comment is saved." in page
    assert ">\nToo dry.</textarea>" in page
    assert texts(engine, CommentRow) == ["Too dry."]


@pytest.mark.parametrize(
    ("action", "limit", "table"),
    [("correct", CORRECTION_LIMIT, CorrectionRow), ("comment", COMMENT_LIMIT, CommentRow)],
)
def test_a_text_that_is_too_long_or_empty_is_kept_and_refused(
    visitor: Visitor, path: str, engine: Engine, action: str, limit: int, table: type[CorrectionRow]
):
    long = "w" * (limit + 1)
    refused = visitor.submit(visitor.get(path), f"{path}/{action}", text=long)
    assert refused.status_code == 400
    assert f"has {limit + 1:,} characters" in refused.text
    assert long in refused.text
    empty = visitor.submit(refused, f"{path}/{action}", text=" ")
    assert empty.status_code == 400
    assert "is empty" in empty.text
    assert texts(engine, table) == []


@pytest.mark.parametrize(("action", "fields"), FORMS)
@pytest.mark.parametrize("submission", ["", "1", "not-a-uuid"])
def test_feedback_without_a_sound_submission_id_is_refused(
    visitor: Visitor, path: str, engine: Engine, action: str, fields: dict[str, str], submission: str
):
    sent = visitor.submit(visitor.get(path), f"{path}/{action}", **fields | {"submission": submission})
    assert sent.status_code == 400
    assert "did not arrive whole" in sent.text
    assert ratings(engine) == ([], [])
    assert texts(engine, CorrectionRow) == texts(engine, CommentRow) == []


def test_hostile_text_is_inert_wherever_it_is_shown(
    visitor: Visitor, generator: FakeGenerator, engine: Engine
):
    generator.text = HOSTILE
    with session_scope(engine) as session:
        session.execute(update(PersonaRow).values(display_name=HOSTILE))
    path = visitor.answer_of(visitor.ask(question=HOSTILE, context=HOSTILE, audience=HOSTILE[:80]))
    visitor.submit(visitor.get(path), f"{path}/correct", text=HOSTILE)
    visitor.submit(visitor.get(path), f"{path}/comment", text=HOSTILE)
    paths = ("/", "/p/pirate", path, "/history")
    shown = [*map(visitor.get, paths), visitor.ask(question=HOSTILE * 100)]
    for page in shown:
        assert str(escape(HOSTILE[:30])) in page.text
        assert "<script>" not in page.text
        assert "<img src=x" not in page.text
        assert "{{ 7*7 }}" in page.text


def test_another_raters_answer_is_refused(new_visitor: Callable[[], Visitor], path: str, engine: Engine):
    stranger = new_visitor()
    own = stranger.answer_of(stranger.ask())
    assert stranger.get(path).status_code == 403
    for action, fields in FORMS:
        sent = stranger.submit(stranger.get(own), f"{own}/{action}", to=f"{path}/{action}", **fields)
        assert sent.status_code == 403
        assert "belongs to another rater" in sent.text
    assert ratings(engine) == ([], [])
    assert texts(engine, CorrectionRow) == texts(engine, CommentRow) == []


def test_who_never_asked_sees_no_answer(new_visitor: Callable[[], Visitor], path: str):
    assert new_visitor().get(path).status_code == 403


@pytest.mark.parametrize("name", ["0", "-1", "9" * 30, "%00", "../1", "%0d%0aX:1"])
def test_what_is_no_answers_name_is_not_found(visitor: Visitor, path: str, name: str):
    assert visitor.get(f"/answers/{name}").status_code == 404
    sent = visitor.submit(visitor.get(path), f"{path}/rate", to=f"/answers/{name}/rate", stars="3")
    assert sent.status_code == 404


def test_an_unknown_answer_is_not_found(visitor: Visitor, path: str):
    assert visitor.get(f"/answers/{uuid4()}").status_code == 404
    for action, fields in FORMS:
        to = f"/answers/{uuid4()}/{action}"
        sent = visitor.submit(visitor.get(path), f"{path}/{action}", to=to, **fields)
        assert sent.status_code == 404
        assert "There is no such answer" in sent.text


@pytest.mark.parametrize("action", ["rate", "correct", "comment"])
def test_feedback_is_given_by_post_only(visitor: Visitor, path: str, action: str):
    assert visitor.get(f"{path}/{action}").status_code == 405


def test_every_rendering_of_a_form_has_its_own_submission_id(visitor: Visitor, path: str):
    page = visitor.get(path)
    ids = {hidden_fields(page, f"{path}/{action}")["submission"] for action, _ in FORMS}
    ids.add(hidden_fields(visitor.get(path), f"{path}/rate")["submission"])
    assert len(ids) == 4
