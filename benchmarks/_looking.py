"""Somebody who looks at every page of the app and at every list of its API: addresses, seconds, statements.

The addresses come from the app's own routes; an argument that nobody knows a value for is an error, so that
no new page goes unlooked at.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from benchmarks._filled import SLUG, answer_id, rater_id
from feedback_app import create_app
from feedback_app.limits import Limits
from services.accounts import clients, invitations
from services.db.client_tables import EndUserRow
from services.db.feedback_tables import PeerOfferRow
from services.domain.feedback import RaterId
from services.domain.roles import Role
from services.domain.scopes import Scope
from services.language_model.asking import Generator
from services.settings import Settings

_PASSWORD = "correct horse battery"  # noqa: S105 - of an account that is thrown away
_METRICS_TOKEN = "metrics"  # noqa: S105 - as well
_END_USER = "somebody"
# Not pages: files, what checks a process, a fixed document.
_NO_PAGE = frozenset({"static", "bootstrap.static", "health.healthz", "health.readyz", "api.openapi"})
_SHOWN = frozenset({200, 303})


@dataclass(frozen=True, slots=True)
class Seen:
    seconds: float
    statements: tuple[str, ...]


class Looker:
    """Signed in as an administrator who is rater 0 of the crowd, and a client's end user who is the same."""

    def __init__(self, app: Flask, token: str, known: Mapping[str, object]) -> None:
        self._app, self._token, self._known = app, token, known
        self._statements: list[str] = []
        event.listen(Engine, "before_cursor_execute", self._note)  # the app has two
        self._client = _signed_in(app)

    def addresses(self) -> dict[str, str]:
        """By endpoint."""
        pages = self._app.url_map.bind("localhost")
        return {
            rule.endpoint: pages.build(
                rule.endpoint, {name: self._value(rule.endpoint, name) for name in rule.arguments}
            )
            for rule in self._app.url_map.iter_rules()
            if "GET" in (rule.methods or ()) and rule.endpoint not in _NO_PAGE
        }

    def _value(self, endpoint: str, name: str) -> object:
        own = f"{endpoint} {name}"
        return self._known[own if own in self._known else name]

    def look(self, address: str) -> Seen:
        """Raises RuntimeError for anything but a page, or the way to one."""
        self._statements.clear()
        begun = time.perf_counter()
        reply = self._client.get(address, headers=self._headers(address))
        seconds = time.perf_counter() - begun
        if reply.status_code not in _SHOWN:
            raise RuntimeError(f"{address} is answered {reply.status_code}: {reply.text[:300]}")
        return Seen(seconds, tuple(self._statements))

    def _headers(self, address: str) -> dict[str, str]:
        if address.startswith("/api/"):
            return {"Authorization": f"Bearer {self._token}", "End-User": _END_USER}
        return {"Authorization": f"Bearer {_METRICS_TOKEN}"} if address == "/metrics" else {}

    def _note(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self._statements.append(statement)


def looking_app(settings: Settings, engine: Engine, generator: Generator) -> Flask:
    """Without limits on how often, and with metrics."""
    unlimited = dict.fromkeys(Limits.NAMES, "1000000000/minute")
    chosen = settings.model_copy(update={**unlimited, "metrics_token": SecretStr(_METRICS_TOKEN)})
    return create_app(chosen, engine=engine, generator=generator)


def let_in(session: Session, *, at: datetime) -> tuple[str, dict[str, object]]:
    """The client's token, and a value for each argument of an address: always of the newest there is.

    Where an address names something else by the same word, its endpoint stands before that.
    """
    rater = RaterId(rater_id(0))
    invitation = invitations.invite(session, Role.ADMIN, actor="looking", at=at)
    invitations.accept(session, invitation, name="Ada", password=_PASSWORD, rater=rater, at=at)
    token = clients.create(session, "looking", list(Scope), actor="looking", at=at)
    client = session.execute(text("SELECT id FROM clients WHERE name = 'looking'")).scalar_one()
    session.add(EndUserRow(client_id=client, name=_END_USER, rater_id=rater))
    session.add(PeerOfferRow(rater_id=rater, answer_id=answer_id(0), offered_at=at))
    newest = session.execute(
        text("""
            SELECT max(d.id) AS decision_id, max(d.candidate_report_id) AS candidate,
                min(d.champion_report_id) AS champion, (SELECT max(id) FROM training_runs) AS run_id,
                (SELECT max(number) FROM adapter_versions) AS number
            FROM gate_decisions d
        """)
    ).one()
    compared = session.execute(
        text("""
            SELECT k.id, o.id AS offer_id FROM comparisons k
            JOIN comparison_offers o USING (left_answer_id, right_answer_id, rater_id)
            WHERE rater_id = :rater ORDER BY k.id DESC LIMIT 1
        """),
        {"rater": rater},
    ).one()
    return token, {
        **newest._mapping,
        "slug": SLUG,
        "answer_id": answer_id(0),
        "offer_id": compared.offer_id,
        "api.get_comparison number": compared.id,
        "token": invitations.invite(session, Role.CURATOR, actor="looking", at=at),
    }


def _signed_in(app: Flask) -> FlaskClient:
    app.config["WTF_CSRF_ENABLED"] = False  # its forms are others' to try
    client = app.test_client()
    reply = client.post("/sign-in", data={"name": "Ada", "password": _PASSWORD, "to": "/"})
    if reply.status_code != 303:
        raise RuntimeError(f"nobody is let in: {reply.status_code}")
    return client
