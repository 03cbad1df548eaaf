"""Alerts: each condition raises its own, once, and ends it once; they go to a real webhook."""

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services.adapters import promotions
from services.db.feedback_tables import PersonaRow
from services.db.session import session_scope
from services.domain.personas import PersonaSlug
from services.jobs import canaries
from services.jobs.alerts import look_with
from services.jobs.installation import Installation
from services.operations.alert_channels import Webhook
from tests.builders import AT, add_answer, add_persona, add_rating
from tests.lineage_builders import add_canary, add_decision, add_serving_version, add_version

SOON = AT + timedelta(hours=1)
LATE = AT + timedelta(days=30)
# All others are turned off in the test of each.
NEVER = {
    "alert_promotion_days": 10_000,
    "alert_failing_nights": 10_000,
    "alert_rating_days": 10_000,
    "alert_free_percent": 0.0,
}


@dataclass
class Heard:
    url: str = ""
    status: int = 200
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(one["alert"], one["state"]) for one in self.messages]


@pytest.fixture
def heard() -> Iterator[Heard]:
    kept = Heard()

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if kept.status == 200:
                kept.messages.append(message)
            self.send_response(kept.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Chat) as server:
        kept.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


@dataclass
class Watch:
    installation: Installation
    heard: Heard

    def looks(self, at: datetime, **limits: float) -> list[dict[str, Any]]:
        """With these limits, all others off."""
        settings = self.installation.settings.model_copy(update=NEVER | limits)
        channel = Webhook(self.heard.url)
        return look_with(replace(self.installation, settings=settings), (channel,), at=at)

    def session(self) -> Any:
        return session_scope(self.installation.engine)


@pytest.fixture
def watch(installation: Installation, heard: Heard) -> Watch:
    with session_scope(installation.engine) as session:
        add_persona(session, slug="pirate")
    return Watch(installation, heard)


def pirate(session: Session) -> PersonaRow:
    return promotions.find_persona(session, "pirate")


def test_no_promotion_is_told_once_and_once_when_there_is_one(watch: Watch):
    with watch.session() as session:
        pirate(session).created_at = AT
    assert watch.looks(SOON, alert_promotion_days=14) == []
    (opened,) = watch.looks(LATE, alert_promotion_days=14)
    assert (opened["of"], opened["told by"]) == ("pirate", "webhook")
    watch.looks(LATE + timedelta(days=1), alert_promotion_days=14)
    with watch.session() as session:
        decision = add_decision(session, add_version(session, pirate(session)), verdict="PASS")
        promotions.append(
            session,
            version=decision.candidate_report.version,
            kind="full",
            decision_id=decision.id,
            actor="test",
            reason="it passed",
            at=LATE,
        )
    assert watch.looks(LATE + timedelta(days=2), alert_promotion_days=14) == []
    assert watch.looks(LATE + timedelta(days=3), alert_promotion_days=14) == []
    assert watch.heard.states == [("no promotion", "open"), ("no promotion", "over")]
    assert "pirate" in watch.heard.messages[0]["text"]


def test_a_persona_that_is_paused_needs_no_promotion(watch: Watch):
    with watch.session() as session:
        row = pirate(session)
        row.created_at, row.state = AT, "paused"
    assert watch.looks(LATE, alert_promotion_days=14) == []


def test_a_gate_that_fails_night_after_night_is_told_until_it_says_otherwise(watch: Watch):
    for number, expected in ((1, 0), (2, 1), (3, 1)):
        with watch.session() as session:
            add_decision(session, add_version(session, pirate(session), number=number), verdict="FAIL")
        assert len(watch.looks(SOON, alert_failing_nights=2)) == expected
    with watch.session() as session:
        add_decision(session, add_version(session, pirate(session), number=4), verdict="INSUFFICIENT")
    assert watch.looks(SOON, alert_failing_nights=2) == []
    assert watch.heard.states == [("gate fails", "open"), ("gate fails", "over")]


def test_ratings_that_stopped_are_told_where_there_were_some(watch: Watch):
    assert watch.looks(LATE, alert_rating_days=3) == []
    with watch.session() as session:
        add_rating(session, add_answer(session, pirate(session)), stars=4, at=AT)
    assert watch.looks(SOON, alert_rating_days=3) == []
    assert len(watch.looks(LATE, alert_rating_days=3)) == 1
    with watch.session() as session:
        add_rating(session, add_answer(session, pirate(session)), stars=4, at=LATE)
    assert watch.looks(LATE, alert_rating_days=3) == []
    assert watch.heard.states == [("ratings stopped", "open"), ("ratings stopped", "over")]


def test_a_store_that_is_nearly_full_is_told(watch: Watch):
    assert len(watch.looks(AT, alert_free_percent=100.0)) == 1
    assert watch.looks(SOON) == []
    assert watch.heard.states == [("store nearly full", "open"), ("store nearly full", "over")]


def test_a_store_at_its_limit_is_told_once_and_is_over_with_some_room_only(watch: Watch):
    disk = shutil.disk_usage(Path(watch.installation.settings.store_url.removeprefix("file://")))
    free = 100 * disk.free / disk.total
    assert watch.looks(AT, alert_free_percent=free / 1.1) == []
    assert len(watch.looks(AT, alert_free_percent=free * 1.1)) == 1
    assert len(watch.looks(SOON, alert_free_percent=free / 1.1)) == 1
    assert watch.looks(SOON, alert_free_percent=free / 1.4) == []
    assert watch.heard.states == [("store nearly full", "open"), ("store nearly full", "over")]


def test_a_canary_that_its_ratings_took_back_is_told_and_one_that_a_person_ended_is_not(watch: Watch):
    for number, actor in ((2, "cli:ann"), (3, canaries.ACTOR)):
        with watch.session() as session:
            persona = pirate(session)
            if number == 2:
                add_serving_version(session, persona)
            add_canary(session, persona, number=number)
            promotions.rollback(
                session, persona=PersonaSlug("pirate"), to_version=None, reason="worse", actor=actor, at=AT
            )
        assert len(watch.looks(SOON)) == (actor == canaries.ACTOR)
    assert "worse" in watch.heard.messages[0]["text"]
    with watch.session() as session:
        add_canary(session, pirate(session), number=4)
    assert watch.looks(SOON) == []
    assert watch.heard.states == [("canary rolled back", "open"), ("canary rolled back", "over")]


def test_a_version_that_fails_its_digest_is_told_until_it_is_sound(watch: Watch):
    with watch.session() as session:
        version = add_serving_version(session, pirate(session))
        promotions.withdraw(session, version_id=version.id, problem="a flipped byte", actor="test", at=AT)
    (opened,) = watch.looks(SOON)
    assert "a flipped byte" in opened["what"]
    with watch.session() as session:
        promotions.clear_unsound(session, version_id=version.id)
    assert watch.looks(SOON) == []
    assert watch.heard.states == [("version unsound", "open"), ("version unsound", "over")]


def test_what_no_channel_took_is_tried_again_and_forgotten_once_it_is_over(watch: Watch):
    watch.heard.status = 503
    (opened,) = watch.looks(AT, alert_free_percent=100.0)
    assert opened["told by"] == ""
    watch.heard.status = 200
    watch.looks(SOON, alert_free_percent=100.0)
    assert watch.heard.states == [("store nearly full", "open")]
    watch.heard.status = 503
    watch.looks(SOON)
    watch.looks(SOON, alert_free_percent=100.0)
    watch.looks(SOON)
    watch.heard.status = 200
    watch.looks(SOON)
    assert watch.heard.states == [("store nearly full", "open"), ("store nearly full", "over")]
