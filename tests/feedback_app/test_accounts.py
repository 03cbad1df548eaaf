"""Signing in and out, accepting an invitation, one's own account: in the browser."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from feedback_app.backend import now
from services.accounts import invitations
from services.accounts.passwords import SHORTEST
from services.db.account_tables import AccountRow, SignInRow
from services.db.feedback_tables import RaterRow
from services.db.session import session_scope
from services.domain.roles import Role
from services.errors.inputs import TextTooLong
from tests.builders import AT
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import PASSWORD, Visitor


@pytest.fixture
def invitation(clean: Engine) -> str:
    with session_scope(clean) as session:
        return f"/invitations/{invitations.invite(session, Role.CURATOR, actor='test', at=now())}"


def accept(visitor: Visitor, invitation: str, *, name: str = "Ada", password: str = PASSWORD):
    return visitor.submit(visitor.get(invitation), invitation, name=name, password=password)


def signed_in(visitor: Visitor) -> bool:
    return visitor.get("/account").status_code == 200


def test_an_invitation_makes_an_account_once_and_signs_in(
    visitor: Visitor, new_visitor: Callable[[], Visitor], invitation: str
):
    assert "<strong>curator</strong>" in visitor.get(invitation).text
    assert accept(visitor, invitation).location == "/account"
    assert "Your role here: <strong>curator</strong>" in visitor.get("/account").text
    assert new_visitor().get(invitation).status_code == 409


def test_an_invitation_is_no_good_after_a_week(visitor: Visitor, clean: Engine):
    with session_scope(clean) as session:
        old = now() - invitations.LIFETIME - timedelta(seconds=1)
        token = invitations.invite(session, Role.ADMIN, actor="test", at=old)
    assert visitor.get(f"/invitations/{token}").status_code == 409


def test_a_name_is_taken_in_any_case_of_letters_and_a_password_may_be_too_short(
    visitor: Visitor, new_visitor: Callable[[], Visitor], invitation: str
):
    visitor.sign_in(name="ada")
    refused = accept(new_visitor(), invitation)
    assert refused.status_code == 409
    assert 'value="Ada"' in refused.text
    assert accept(new_visitor(), invitation, name="Bea", password="x" * (SHORTEST - 1)).status_code == 400
    assert accept(new_visitor(), invitation, name="Bea", password="x" * SHORTEST).status_code == 303


def test_what_was_rated_before_stays_with_the_account_and_comes_along_to_other_browsers(
    visitor: Visitor, new_visitor: Callable[[], Visitor], invitation: str, clean: Engine
):
    asked = visitor.answer_of(visitor.ask())
    accept(visitor, invitation)
    assert visitor.get(asked).status_code == 200
    elsewhere = new_visitor()
    assert elsewhere.get(asked).status_code == 403
    elsewhere.submit(elsewhere.get("/sign-in"), "/sign-in", name="Ada", password=PASSWORD)
    assert elsewhere.get(asked).status_code == 200
    elsewhere.ask()
    with session_scope(clean) as session:
        assert len(session.scalars(select(RaterRow)).all()) == 1


@pytest.mark.parametrize(
    "given", [{"password": "a guess of many letters"}, {"name": "Eve"}, {"name": ""}, {"password": ""}]
)
def test_what_is_wrong_is_said_in_the_same_words_and_the_name_stays(
    visitor: Visitor, new_visitor: Callable[[], Visitor], given: dict[str, str]
):
    visitor.sign_in()
    other = new_visitor()
    refused = other.submit(
        other.get("/sign-in"), "/sign-in", **({"name": "Ada", "password": PASSWORD} | given)
    )
    assert refused.status_code == 403
    assert "There is no account of this name with this password" in refused.text
    assert f'value="{given.get("name", "Ada")}"' in refused.text
    assert not signed_in(other)


def test_after_many_wrong_tries_no_try_counts_for_a_while(visitor: Visitor):
    page = visitor.get("/sign-in")
    for _ in range(10):
        visitor.submit(page, "/sign-in", name="Eve", password="guess")
    refused = visitor.sign_in()
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60


def test_leaving_ends_the_sign_in_for_who_kept_its_cookie_too(visitor: Visitor):
    visitor.sign_in()
    kept = visitor.client.get_cookie("session")
    assert kept is not None
    visitor.submit(visitor.get("/account"), "/sign-out")
    visitor.client.set_cookie("session", kept.value)
    assert not signed_in(visitor)


def test_leaving_everywhere_and_another_password_end_other_browsers(
    visitor: Visitor, new_visitor: Callable[[], Visitor]
):
    other = new_visitor()
    visitor.sign_in()
    other.sign_in()
    changed = {"old": PASSWORD, "new": "another horse battery"}
    refused = visitor.submit(visitor.get("/account"), "/account/password", **(changed | {"old": "wrong"}))
    assert refused.status_code == 403
    assert visitor.submit(visitor.get("/account"), "/account/password", **changed).status_code == 303
    assert signed_in(visitor)
    assert not signed_in(other)
    visitor.submit(visitor.get("/account"), "/account/leave-everywhere")
    assert not signed_in(visitor)
    again = visitor.submit(visitor.get("/sign-in"), "/sign-in", name="Ada", password=changed["new"])
    assert again.status_code == 303


@pytest.mark.parametrize("name", ["İlker", "ΣΊΣΥΦΟΣ", "Straße", "Ömer"])
def test_a_name_of_any_letters_is_known_again(
    visitor: Visitor, new_visitor: Callable[[], Visitor], name: str
):
    visitor.sign_in(name=name)
    other = new_visitor()
    signed_in = other.submit(other.get("/sign-in"), "/sign-in", name=name, password=PASSWORD)
    assert signed_in.status_code == 303


def test_the_old_password_is_not_guessed_at_length(visitor: Visitor):
    visitor.sign_in()
    tried = [
        visitor.submit(
            visitor.get("/account"), "/account/password", old=f"guess {number}", new="x" * SHORTEST
        ).status_code
        for number in range(12)
    ]
    assert (tried[0], tried[-1]) == (403, 429)


def test_a_sign_in_ends_by_itself_and_with_its_account(visitor: Visitor, clean: Engine):
    visitor.sign_in()
    with session_scope(clean) as session:
        session.execute(update(SignInRow).values(expires_at=AT))
    assert not signed_in(visitor)
    visitor.sign_in()
    assert signed_in(visitor)
    with session_scope(clean) as session:
        session.execute(update(AccountRow).values(closed_at=AT))
    assert not signed_in(visitor)
    assert visitor.sign_in().status_code == 403


def test_the_database_holds_neither_password_nor_token(visitor: Visitor, clean: Engine, invitation: str):
    accept(visitor, invitation)
    with visitor.client.session_transaction() as visit:
        token = visit["_user_id"]
    with session_scope(clean) as session:
        account = session.scalars(select(AccountRow)).one()
        assert account.password_hash.startswith("$argon2id$")
        assert token not in session.scalars(select(SignInRow.token_digest)).all()


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/account/password", "/account/leave-everywhere"])
def test_without_the_forms_token_nothing_happens(visitor: Visitor, path: str):
    given = {"name": "Ada", "password": PASSWORD, "old": PASSWORD, "new": PASSWORD}
    assert visitor.client.post(path, data=given).status_code == 400


def test_a_role_does_what_the_ones_below_it_do_and_no_more():
    assert [needed for needed in Role if Role.CURATOR.covers(needed)] == [Role.RATER, Role.CURATOR]
    assert all(Role.ADMIN.covers(needed) for needed in Role)


def test_a_first_question_that_can_never_be_answered_leaves_the_account_as_it_is(
    visitor: Visitor, generator: FakeGenerator
):
    visitor.sign_in(Role.CURATOR)
    generator.problem = TextTooLong("question", length=9000, limit=4096, unit="tokens")
    assert visitor.ask().status_code == 400
    generator.problem = None
    assert visitor.ask().status_code == 303
