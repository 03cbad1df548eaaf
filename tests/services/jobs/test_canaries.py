"""Watching canaries on a real database: what their ratings say is done once, whoever else moves."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.adapters.live import live_now
from services.adapters.promoting import start_canary
from services.adapters.promotions import find_persona, lock_persona, rollback, who_serves
from services.db.canary_tables import CanaryLookRow
from services.db.feedback_tables import AnswerRow
from services.db.lineage_tables import PromotionRow
from services.db.session import session_scope
from services.domain.conversation import Question
from services.domain.personas import PersonaSlug
from services.errors.lookups import UnknownPersona
from services.errors.refusals import CanaryCoolingDown, NoCanary
from services.feedback.questions import new_rater
from services.jobs.ask import ask
from services.jobs.canaries import Watched, canary_in, watch_with
from services.jobs.installation import Installation
from tests.builders import AT, add_persona
from tests.fakes import FakeGenerator
from tests.lineage_builders import add_canary, add_decision, add_drawn_answer, add_serving_version

PIRATE = PersonaSlug("pirate")
LATER = AT + timedelta(minutes=5)
# With these a difference of three stars is told after a few dozen conversations.
SOON = {"least_conversations": 10, "least_raters": 5, "margin": 0.3}


@pytest.fixture
def tried(installation: Installation) -> Installation:
    """Version 1 serves, version 2 is in a canary that cannot be told from its decision."""
    with session_scope(installation.engine) as session:
        persona = add_persona(session, slug=PIRATE)
        add_serving_version(session, persona, number=1)
        persona.canary_policy = SOON
        add_canary(session, persona, number=2, verdict="INSUFFICIENT")
    return installation


def newest(session: Session) -> PromotionRow:
    return session.scalars(select(PromotionRow).order_by(PromotionRow.id.desc()).limit(1)).one()


def say(installation: Installation, *, tried: int, champion: int, times: int = 40) -> None:
    """As many raters give the two versions these stars."""
    with session_scope(installation.engine) as session:
        canary = newest(session)
        for _ in range(times):
            rater = new_rater(session, at=AT)
            for arm, stars in ((True, tried), (False, champion)):
                add_drawn_answer(session, canary, tried=arm, rater=rater, stars=stars)


def watch(installation: Installation, at: datetime = LATER) -> Watched:
    return watch_with(installation, PIRATE, at=at)


def looks(installation: Installation) -> list[str]:
    with session_scope(installation.engine) as session:
        return list(session.scalars(select(CanaryLookRow.verdict).order_by(CanaryLookRow.id)))


def ledger(installation: Installation) -> list[tuple[str, int]]:
    with session_scope(installation.engine) as session:
        rows = session.scalars(select(PromotionRow).order_by(PromotionRow.id))
        return [(row.kind, row.version.number) for row in rows]


BEGUN = [("full", 1), ("canary", 2)]


def test_as_long_as_little_is_known_a_canary_is_kept_and_each_news_written_down_once(tried: Installation):
    assert watch(tried)["verdict"] == watch(tried)["verdict"] == "keep"
    assert looks(tried) == ["keep"]
    say(tried, tried=4, champion=4, times=1)
    assert watch(tried)["verdict"] == "keep"
    assert looks(tried) == ["keep", "keep"]
    assert ledger(tried) == BEGUN


def test_a_canary_that_is_shown_no_worse_serves_everyone_on_its_decision(tried: Installation):
    say(tried, tried=5, champion=2)
    seen = watch(tried)
    assert (seen["version"], seen["verdict"]) == (2, "full")
    assert ledger(tried) == [*BEGUN, ("full", 2)]
    with session_scope(tried.engine) as session:
        row = newest(session)
        assert (row.actor, row.reason) == ("watch_canaries", seen["sentence"])
        assert row.decision_id is not None
    assert watch(tried)["verdict"] == ""
    assert looks(tried) == ["full"]


def test_a_worse_canary_is_rolled_back_by_itself_with_the_reason_and_a_pause(tried: Installation):
    say(tried, tried=1, champion=5)
    seen = watch(tried)
    assert seen["verdict"] == "rollback"
    assert ledger(tried) == [*BEGUN, ("rollback", 1)]
    assert watch(tried)["verdict"] == ""
    with session_scope(tried.engine) as session:
        persona = find_persona(session, PIRATE)
        row = newest(session)
        assert row.reason == f"{seen['sentence']} (the canary of version 2 ends)"
        version = session.scalars(select(PromotionRow).where(PromotionRow.kind == "canary")).one().version
        decision = add_decision(session, version, verdict="PASS")
        with pytest.raises(CanaryCoolingDown):
            start_canary(
                session, decision_id=decision.id, share=0.5, actor="me", reason="once more", at=LATER
            )
        assert live_now(session, persona)[1] is None


def test_what_is_not_known_after_the_policys_days_is_rolled_back(tried: Installation):
    assert watch(tried, AT + timedelta(days=27))["verdict"] == "keep"
    assert watch(tried, AT + timedelta(days=28))["verdict"] == "rollback"
    assert ledger(tried)[-1] == ("rollback", 1)


def test_two_watchers_at_once_act_once(tried: Installation):
    say(tried, tried=5, champion=2)
    with ThreadPoolExecutor(2) as pool:
        seen = [one["verdict"] for one in pool.map(lambda _: watch(tried), range(2))]
    assert sorted(seen) == ["", "full"]
    assert ledger(tried) == [*BEGUN, ("full", 2)]
    assert looks(tried) == ["full"]


def test_a_watch_that_waits_for_somebody_who_rolls_back_does_nothing(tried: Installation):
    say(tried, tried=5, champion=2)
    with ThreadPoolExecutor(1) as pool:
        with session_scope(tried.engine) as person:
            lock_persona(person, PIRATE)
            waiting = pool.submit(watch, tried)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
            rollback(person, persona=PIRATE, to_version=None, reason="I saw it lie", actor="me", at=AT)
        assert waiting.result(timeout=30)["verdict"] == ""
    assert ledger(tried) == [*BEGUN, ("rollback", 1)]
    assert looks(tried) == []


def test_an_ask_that_is_answered_while_its_canary_is_rolled_back_keeps_how_it_was_drawn(tried: Installation):
    """What it said is stored; nobody looks at that canary any more, and the next ask has the champion."""
    writing, rolled_back = threading.Event(), threading.Event()

    def wait() -> None:
        writing.set()
        assert rolled_back.wait(30)

    with session_scope(tried.engine) as session:
        rater, canary = new_rater(session, at=AT), newest(session).id
    form = {
        "persona_slug": PIRATE,
        "rater": rater,
        "question": Question("Why?", "oceans", "student"),
        "at": AT,
    }
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, tried.engine, FakeGenerator(meanwhile=wait), **form)
        assert writing.wait(30)
        with session_scope(tried.engine) as person:
            rollback(person, persona=PIRATE, to_version=None, reason="I saw it lie", actor="me", at=AT)
        rolled_back.set()
        answer_id = asked.result(timeout=30)
    later_id = ask(tried.engine, FakeGenerator(), **form)
    with session_scope(tried.engine) as session:
        answer, later = (session.get_one(AnswerRow, one) for one in (answer_id, later_id))
        champion = who_serves(session, find_persona(session, PIRATE))
        assert (answer.promotion_id, answer.propensity) == (canary, 0.5)
        assert (later.promotion_id, later.propensity) == (None, 1.0)
        assert (later.adapter_version_id, champion.number) == (champion.version_id, 1)
    assert watch(tried)["verdict"] == ""


def test_what_a_canary_shows_at_this_moment_can_be_read(tried: Installation):
    with session_scope(tried.engine) as session:
        found = canary_in(session, PIRATE, at=LATER)
        assert (found["version"], found["champion"], found["verdict"]) == (2, 1, "keep")
        assert (found["low"], found["looked_at"], found["canary_conversations"]) == (None, None, 0)
        assert session.scalar(select(func.count()).select_from(CanaryLookRow)) == 0
        rollback(session, persona=PIRATE, to_version=None, reason="enough", actor="me", at=AT)
        with pytest.raises(NoCanary, match="persona-loop ledger show pirate"):
            canary_in(session, PIRATE, at=LATER)


def test_an_unknown_persona_is_named(installation: Installation):
    with pytest.raises(UnknownPersona):
        watch_with(installation, "nobody", at=AT)
