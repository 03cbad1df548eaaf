"""Clients, their tokens, and the end users they name."""

from datetime import timedelta
from threading import Thread

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from services.accounts import audit, clients, end_users, keyed_requests
from services.db.client_tables import ClientRow, EndUserRow, KeyedRequestRow
from services.db.feedback_tables import RaterRow
from services.db.session import session_scope
from services.domain.scopes import Scope
from services.errors.lookups import UnknownClient
from services.errors.people import ClientExists, KeyReused, TokenUnusable
from services.errors.refusals import RaterErased
from services.feedback.erasing import bury, lock_rater
from tests.builders import AT


def make(session: Session, name: str = "acme", *scopes: Scope) -> clients.Client:
    token = clients.create(session, name, scopes or tuple(Scope), actor="test", at=AT)
    return clients.client_of(session, token)


def test_a_token_opens_what_it_was_made_for_and_the_database_does_not_know_it(session: Session):
    token = clients.create(session, "acme", [Scope.ANSWERS], actor="test", at=AT)
    assert clients.client_of(session, token).scopes == {Scope.ANSWERS}
    row = session.scalars(select(ClientRow)).one()
    assert token not in (row.token_digest, row.name)
    with pytest.raises(TokenUnusable):
        clients.client_of(session, row.token_digest)


def test_a_revoked_token_opens_nothing_and_a_renewed_one_is_another(session: Session):
    first = clients.create(session, "acme", [Scope.ANSWERS], actor="test", at=AT)
    clients.revoke(session, "acme", actor="test", at=AT)
    with pytest.raises(TokenUnusable):
        clients.client_of(session, first)
    second = clients.renew(session, "acme", actor="test", at=AT)
    assert clients.client_of(session, second).name == "acme"
    with pytest.raises(TokenUnusable):
        clients.client_of(session, first)


def test_every_act_is_in_the_audit_log_without_the_token(session: Session):
    token = clients.create(session, "acme", [Scope.ANSWERS], actor="test", at=AT)
    clients.revoke(session, "acme", actor="test", at=AT)
    clients.renew(session, "acme", actor="test", at=AT)
    session.flush()
    entries = audit.newest(session, limit=3)
    assert [entry.act for entry in entries] == ["renew client", "revoke client", "create client"]
    assert token not in str([entry.details for entry in entries])


def test_a_name_is_one_clients_and_an_unknown_one_is_said_so(session: Session):
    make(session)
    with pytest.raises(ClientExists, match="client renew acme"):
        make(session)
    with pytest.raises(UnknownClient, match="client list"):
        clients.revoke(session, "nobody", actor="test", at=AT)


def test_two_clients_that_name_one_id_name_two_raters(session: Session):
    one, other = make(session), make(session, "other")
    rater = end_users.ensure_end_user(session, one.id, "u1", at=AT)
    assert end_users.ensure_end_user(session, one.id, "u1", at=AT) == rater
    assert end_users.find_end_user(session, other.id, "u1") is None
    assert end_users.ensure_end_user(session, other.id, "u1", at=AT) != rater


def test_an_end_user_named_twice_at_once_is_one_rater(clean: Engine):
    with session_scope(clean) as session:
        client = make(session)
    found = []

    def name() -> None:
        with session_scope(clean) as session:
            found.append(end_users.ensure_end_user(session, client.id, "u1", at=AT))

    with session_scope(clean) as session:
        found.append(end_users.ensure_end_user(session, client.id, "u1", at=AT))
        second = Thread(target=name)
        second.start()
        second.join(0.2)
        assert second.is_alive(), "the second waits for the first"
    second.join()
    assert len(set(found)) == 1
    with session_scope(clean) as session:
        assert len(session.scalars(select(RaterRow)).all()) == 1


def hold(session: Session, client: clients.Client, asked: str = "this", **given) -> KeyedRequestRow:
    rater = end_users.ensure_end_user(session, client.id, "u1", at=AT)
    return keyed_requests.hold(
        session, client_id=client.id, key="k", rater=rater, asked=asked, at=given.get("at", AT)
    )


def test_a_key_keeps_its_submission_and_refuses_another_request(session: Session):
    client = make(session)
    first = hold(session, client).submission
    assert hold(session, client).submission == first
    with pytest.raises(KeyReused, match="key of its own"):
        hold(session, client, "that")


def test_a_key_is_free_again_after_a_week(session: Session):
    client = make(session)
    first = hold(session, client).submission
    again = hold(session, client, "that", at=AT + keyed_requests.KEPT)
    assert again.submission != first


def test_old_keys_go_as_new_ones_come(session: Session):
    client = make(session)
    rater = end_users.ensure_end_user(session, client.id, "u1", at=AT)
    for number, days in (("old", 0), ("new", 8)):
        at = AT + timedelta(days=days)
        keyed_requests.hold(session, client_id=client.id, key=number, rater=rater, asked="", at=at)
    assert session.scalars(select(KeyedRequestRow.key)).all() == ["new"]


def test_erasing_a_rater_takes_the_clients_name_and_what_was_answered(session: Session):
    client = make(session)
    row = hold(session, client)
    row.answer = '{"text": "Arr."}'
    session.flush()
    lock_rater(session, row.rater_id).erased_at = AT
    session.flush()
    with pytest.raises(RaterErased):
        hold(session, client)
    bury(session, row.rater_id, secret="x")
    assert session.scalars(select(EndUserRow)).all() == []
    assert session.scalars(select(KeyedRequestRow.answer)).all() == []
    assert end_users.ensure_end_user(session, client.id, "u1", at=AT) != row.rater_id
