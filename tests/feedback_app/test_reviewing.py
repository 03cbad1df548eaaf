"""The review queue: what waits, whose it is while they look at it, and what each button does."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from services.accounts import audit
from services.adapters.promotions import find_persona
from services.db.comparing_tables import ComparisonOfferRow
from services.db.feedback_tables import AnswerRow, CorrectionRow, CurrentRatingRow, RaterReviewRow
from services.db.review_tables import FeedbackReviewRow, ReviewLockRow
from services.db.session import session_scope
from services.domain.feedback import Reason
from services.domain.roles import Role
from services.feedback.questions import new_rater
from tests.builders import AT, add_answer, add_comparison, add_correction, add_rating
from tests.counted import counted
from tests.feedback_app.conftest import Visitor, answer_id, hidden_fields
from tests.lineage_builders import add_training_set

QUEUE = "/p/pirate/review"


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def unsafe(visitor: Visitor, clean: Engine) -> str:  # noqa: ARG001 - the app has the persona
    """The path of an answer that somebody calls unsafe."""
    with session_scope(clean) as session:
        answer = add_answer(session, find_persona(session, "pirate"), question="How to <b>sink</b> a ship?")
        _rate(session, answer, 1, Reason.UNSAFE)
        return f"{QUEUE}/{answer.id}"


@pytest.fixture
def ada(visitor: Visitor) -> Visitor:
    visitor.sign_in(Role.CURATOR, name="Ada")
    return visitor


@pytest.fixture
def bea(new_visitor: Callable[[], Visitor]) -> Visitor:
    other = new_visitor()
    other.sign_in(Role.CURATOR, name="Bea")
    return other


def _rate(session: Session, answer: AnswerRow, stars: int, *reasons: Reason, at: datetime = AT) -> None:
    """By a rater of its own."""
    rater = new_rater(session, at=AT)
    _, _, number = add_rating(session, answer, stars=stars, rater=rater, reasons=reasons, at=at).partition(
        ":"
    )
    session.add(CurrentRatingRow(answer_id=answer.id, rater_id=rater, rating_id=int(number)))
    session.flush()


def take(visitor: Visitor, path: str) -> TestResponse:
    return visitor.submit(visitor.get(path), f"{path}/take")


def decide(visitor: Visitor, path: str, verdict: str, **fields: str) -> TestResponse:
    """On the first thing said of it."""
    return visitor.submit(visitor.get(path), f"{path}/decide", verdict=verdict, **fields)


def test_what_is_flagged_disputed_or_held_back_waits_oldest_first(ada: Visitor, clean: Engine):
    with session_scope(clean) as session:
        persona = find_persona(session, "pirate")
        fine, poor, split, held = (
            add_answer(session, persona, question=one) for one in ("Fine?", "Poor?", "Split?", "Held?")
        )
        _rate(session, fine, 5)
        _rate(session, poor, 1, Reason.WRONG_FACT)
        for stars in (1, 5):
            _rate(session, split, stars, at=AT + timedelta(minutes=2))
        flagged, trusted = (new_rater(session, at=AT) for _ in range(2))
        for rater in (flagged, trusted):
            corrected = held if rater is flagged else fine
            add_correction(session, corrected, "Arr!", rater=rater, at=AT + timedelta(minutes=1))
        session.add(RaterReviewRow(rater_id=trusted, verdict="trusted", reason="known", actor="x", at=AT))
        left_out = {str(rater): "a rater under review" for rater in (flagged, trusted)}
        add_training_set(session, persona, report={"raters": {"left_out": left_out}})
        called = add_answer(session, persona, question="Unsafe?")
        _rate(session, called, 2, Reason.UNSAFE, at=AT + timedelta(minutes=3))
    text = words(ada.get(QUEUE).text)
    assert text.index("Held?") < text.index("Split?") < text.index("Unsafe?")
    assert "Fine?" not in text
    assert "Poor?" not in text
    assert "Waiting for review: 3" in ada.get("/p/pirate/curate").text


def test_the_queue_goes_page_after_page_in_as_many_statements(ada: Visitor, clean: Engine):
    with session_scope(clean) as session:
        persona = find_persona(session, "pirate")
        for number in range(23):
            answer = add_answer(session, persona, question=f"Number {number}?")
            _rate(session, answer, 1, Reason.UNSAFE, at=AT + timedelta(seconds=number // 2))
    with counted() as few:
        first = ada.get(QUEUE)
    assert first.text.count("Open it") == 20
    link = first.text.split('class="onward"><a href="')[1].split('"')[0].replace("&amp;", "&")
    second = ada.get(link)
    assert second.text.count("Open it") == 3
    assert len(few) <= 6, few
    for unsaid in ("yesterday", "2026-01-01", "0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59"):
        assert ada.get(f"{QUEUE}?after={unsaid}_{uuid4()}").status_code == 404
    assert ada.get(f"{QUEUE}?after=yesterday").status_code == 404


def test_who_opens_it_has_it_and_others_see_whose_it_is(ada: Visitor, bea: Visitor, unsafe: str):
    assert take(ada, unsafe).status_code == 303
    assert "It is yours until" in ada.get(unsafe).text
    page = bea.get(unsafe)
    assert "account:Ada has been looking at it since" in words(page.text)
    assert "Agree" not in page.text
    assert "account:Ada is looking at it." in bea.get(QUEUE).text
    refused = bea.client.post(f"{unsafe}/take", data=hidden_fields(bea.get("/account"), "/sign-out"))
    assert refused.status_code == 409
    assert "account:Ada looks at this feedback: wait until they are done" in words(refused.text)
    ada.submit(ada.get(unsafe), f"{unsafe}/leave")
    assert take(bea, unsafe).status_code == 303


def test_a_lock_that_ran_out_is_taken_over_and_its_holder_decides_no_more(
    ada: Visitor, bea: Visitor, unsafe: str, clean: Engine
):
    take(ada, unsafe)
    page = ada.get(unsafe)
    with session_scope(clean) as session:
        session.execute(update(ReviewLockRow).values(expires_at=datetime.now(UTC)))
    assert "Take it" in bea.get(unsafe).text
    assert take(bea, unsafe).status_code == 303
    refused = ada.submit(page, f"{unsafe}/decide", verdict="overruled")
    assert refused.status_code == 409
    assert "You do not hold this feedback" in refused.text
    with session_scope(clean) as session:
        assert session.query(FeedbackReviewRow).count() == 0


def test_a_decision_is_kept_audited_and_made_once_however_often_it_is_sent(
    ada: Visitor, unsafe: str, clean: Engine
):
    take(ada, unsafe)
    page = ada.get(unsafe)
    for _ in range(2):
        assert ada.submit(page, f"{unsafe}/decide", verdict="overruled", reason="a joke").status_code == 303
    text = words(ada.get(unsafe).text)
    assert "Overruled by account:Ada" in text
    assert "a joke" in text
    assert "Nothing waits here" in text
    assert "Nothing waits" in ada.get(QUEUE).text
    with session_scope(clean) as session:
        (row,) = session.query(FeedbackReviewRow)
        (entry,) = [one for one in audit.on(session, "pirate", limit=9) if one.act == "overrule feedback"]
        assert entry.actor == row.actor == "account:Ada"
        assert entry.details == {"of": f"rating:{row.rating_id}", "review": row.id}


def test_once_a_dispute_is_decided_the_page_says_what_becomes_of_the_rest(ada: Visitor, clean: Engine):
    with session_scope(clean) as session:
        answer = add_answer(session, find_persona(session, "pirate"))
        for stars in (2, 4):
            _rate(session, answer, stars)
        add_correction(session, answer, "Better.", rater=new_rater(session, at=AT))
        path = f"{QUEUE}/{answer.id}"
        poor = session.scalars(select(func.min(CurrentRatingRow.rating_id))).one()
    take(ada, path)
    decide(ada, path, "agreed", of=f"rating:{poor}")
    page = words(ada.get(path).text)
    assert "Nothing waits here any more. What was not decided on counts as it did." in page
    assert page.count('value="overruled"') == 3
    assert "Nothing waits" in ada.get(QUEUE).text


def test_a_ban_excludes_the_rater_and_restoring_ends_it(ada: Visitor, unsafe: str, clean: Engine):
    take(ada, unsafe)
    decide(ada, unsafe, "banned", reason="spam")
    page = words(ada.get(unsafe).text)
    assert 'the rater: <span lang="en" dir="ltr">excluded' in page
    assert "Its rater was banned by account:Ada" in page
    assert "spam" in page
    decide(ada, unsafe, "restored")
    with session_scope(clean) as session:
        rows = session.query(RaterReviewRow).order_by(RaterReviewRow.id)
        first, second = session.scalars(text("SELECT id FROM feedback_reviews ORDER BY id"))
        assert [(row.verdict, row.reason) for row in rows] == [
            ("excluded", f"decided in the review queue, review {first}"),
            ("trusted", f"decided in the review queue, review {second}"),
        ]


@pytest.mark.usefixtures("unsafe")
def test_nobody_decides_on_their_own_words_or_on_what_was_said_elsewhere(ada: Visitor, clean: Engine):
    path = ada.answer_of(ada.ask())
    ada.submit(ada.get(path), f"{path}/rate", stars="1")
    mine = f"{QUEUE}/{path.rsplit('/', 1)[1]}"
    take(ada, mine)
    assert "by you" in ada.get(mine).text
    assert "Overrule" not in ada.get(mine).text.split("What was said of it")[1].split("<ol")[1]
    with session_scope(clean) as session:
        own, other = session.scalars(text("SELECT id FROM ratings ORDER BY created_at DESC")).all()
    token = hidden_fields(ada.get(mine), f"{mine}/leave")
    given = token | {"submission": str(uuid4()), "verdict": "overruled"}
    refused = ada.client.post(f"{mine}/decide", data=given | {"of": f"rating:{own}"})
    assert (refused.status_code, "You said this yourself" in refused.text) == (409, True)
    assert ada.client.post(f"{mine}/decide", data=given | {"of": f"rating:{other}"}).status_code == 404
    for wrong in ({"of": "rating:0"}, {"of": "comment:1"}, {"of": f"rating:{own}", "verdict": "burn"}):
        assert ada.client.post(f"{mine}/decide", data=given | wrong).status_code == 400
    with session_scope(clean) as session:
        assert session.query(FeedbackReviewRow).count() == 0


def test_a_reviewer_reads_every_word_escaped_and_raters_by_pseudonym(
    ada: Visitor, unsafe: str, clean: Engine
):
    with session_scope(clean) as session:
        answer = session.get_one(AnswerRow, answer_id(unsafe))
        rater = new_rater(session, at=AT)
        add_correction(session, answer, "<i>Swim.</i>", rater=rater)
    text = words(ada.get(unsafe).text)
    assert "How to &lt;b&gt;sink&lt;/b&gt; a ship?" in text
    assert "&lt;i&gt;Swim.&lt;/i&gt;" in text
    assert f"rater {rater.hex[:8]}" in text
    assert str(rater) not in text
    with counted() as statements:
        ada.get(unsafe)
    assert len(statements) <= 12, statements


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("left", "ist besser als die andere. Die andere lautet:"),
        ("right", "ist schlechter als die andere. Die andere lautet:"),
        ("tie", "und die andere sind gleich gut. Die andere lautet:"),
        ("both bad", "und die andere sind beide schlecht. Die andere lautet:"),
    ],
)
def test_what_a_comparison_chose_is_said_in_the_language_of_the_page(
    ada: Visitor, unsafe: str, clean: Engine, choice: str, told: str
):
    with session_scope(clean) as session:
        one = session.get_one(AnswerRow, answer_id(unsafe))
        other = add_answer(session, find_persona(session, "pirate"), text="Row <b>home</b>.")
        add_comparison(session, one, other, choice)
    page = words(ada.client.get(unsafe, headers={"Accept-Language": "de"}).text)
    assert f"<p>Diese Antwort {told}</p>" in page
    assert '<p class="written" dir="auto">Row &lt;b&gt;home&lt;/b&gt;.</p>' in page


def test_how_a_rater_compares_is_told_beside_what_they_said_in_one_statement(
    ada: Visitor, unsafe: str, clean: Engine
):
    with counted() as before:
        alone = words(ada.get(unsafe).text)
    with session_scope(clean) as session:
        persona = find_persona(session, "pirate")
        answers = [session.get_one(AnswerRow, answer_id(unsafe)), add_answer(session, persona)]
        for _ in range(3):
            said = add_correction(session, answers[0], "Better.")
        rater = session.get_one(CorrectionRow, int(said.partition(":")[2])).rater_id
        one = _offer(session, rater, answers, choice="left")
        _offer(session, rater, answers[::-1], choice="right", kind="repeat", repeats_id=one)
        for choice in ("left", "right", "left"):
            _offer(session, rater, answers, choice=choice, kind="known", expected="left")
    with counted() as after:
        page = words(ada.get(unsafe).text)
    assert "Shown 1 pair of answers a second time, this rater chose the same again in 1." in page
    assert "Of 3 pairs in which one answer is plainly the better one, they found it in 2." in page
    assert page.count("Somebody who chooses without reading gets at most about half of them.") == 1
    assert "Somebody who chooses without reading" not in alone
    assert len(after) == len(before)


def _offer(session: Session, rater: UUID, sides: list[AnswerRow], **fields: object) -> UUID:
    left, right = sides
    values = {"kind": "normal", "offered_at": AT, "chosen_at": AT} | fields
    row = ComparisonOfferRow(
        persona_id=left.question.conversation.persona_id,
        rater_id=rater,
        left_answer_id=left.id,
        right_answer_id=right.id,
        **values,
    )
    session.add(row)
    session.flush()
    return row.id


def test_only_curators_review(visitor: Visitor, client_of: FlaskClient, unsafe: str):
    assert client_of.get(QUEUE).status_code == 303
    visitor.sign_in(Role.RATER, name="Rae")
    token = hidden_fields(visitor.get("/account"), "/sign-out")
    for path in (QUEUE, unsafe):
        assert visitor.get(path).status_code == 403
    for act in ("take", "leave", "decide"):
        assert visitor.client.post(f"{unsafe}/{act}", data=token).status_code == 403
    visitor.sign_in(Role.CURATOR, name="Ada")
    assert visitor.get(unsafe.replace("pirate", "professor")).status_code == 404


@pytest.fixture
def client_of(new_visitor: Callable[[], Visitor]) -> FlaskClient:
    return new_visitor().client
