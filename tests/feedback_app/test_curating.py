"""A persona's page for its curators: what it tells, in how many statements, and what its buttons do."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from flask import Flask
from sqlalchemy import Engine

from feedback_app import create_app
from services.accounts import audit
from services.adapters.canaries import keep_look
from services.adapters.promoting import promote
from services.adapters.promotions import find_persona, who_serves
from services.db.session import session_scope
from services.domain.canaries import CanaryPolicy, judge_canary
from services.domain.roles import Role
from services.domain.training import RunState
from services.jobs.status import ledger_rows
from services.settings import Settings
from services.training_sets.skipping import Skipped, record_skip
from tests.builders import AT, add_answer, add_rating
from tests.counted import counted
from tests.fake_airflow import FakeAirflow, running_airflow
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor
from tests.lineage_builders import (
    add_canary,
    add_decision,
    add_report,
    add_run,
    add_training_set,
    add_version,
)

PAGE = "/p/pirate/curate"


@pytest.fixture
def airflow() -> Iterator[FakeAirflow]:
    with running_airflow() as fake:
        yield fake


@pytest.fixture
def app(
    app: Flask, settings: Settings, clean: Engine, generator: FakeGenerator, airflow: FakeAirflow
) -> Flask:
    """With an Airflow to talk to, and a persona that finds every night worth its while."""
    del app  # which made the persona
    with session_scope(clean) as session:
        persona = find_persona(session, "pirate")
        persona.example_policy = persona.example_policy | {"minimum_new": 0}
    reached = settings.model_copy(update={"airflow_url": airflow.url})
    return create_app(reached, engine=clean, generator=generator)


@pytest.fixture
def curator(visitor: Visitor) -> Visitor:
    visitor.sign_in(Role.CURATOR)
    return visitor


@pytest.fixture
def promoter(visitor: Visitor) -> Visitor:
    visitor.sign_in(Role.PROMOTER)
    return visitor


def add_night(engine: Engine, number: int) -> None:
    """A set, a run, a version that serves, a rating, a skipped night."""
    with session_scope(engine) as session:
        persona = find_persona(session, "pirate")
        training_set = add_training_set(
            session, persona, counts={"ratings": 9}, dropped={"too long": number, "never": 0}
        )
        add_run(session, training_set, state=RunState.SUCCEEDED)
        version = add_version(session, persona, number=number)
        add_report(session, version, style_hit=0.5 + number / 100, fact_hit=0.9)
        promote(session, decision_id=add_decision(session, version, verdict="PASS").id, actor="test", at=AT)
        add_rating(session, add_answer(session, persona), at=datetime.now(UTC))
        night = AT.replace(day=number)
        record_skip(session, persona, Skipped("too little", {"late": 2}), cutoff=night, at=AT)


def acts(engine: Engine) -> list[tuple[str, str, str]]:
    with session_scope(engine) as session:
        return [(one.act, one.subject, one.actor) for one in audit.on(session, "pirate", limit=10)]


def test_only_curators_see_it_and_are_led_to_it(visitor: Visitor):
    for path in (PAGE, "/curate", f"{PAGE}/metrics.svg"):
        assert visitor.get(path).location.startswith("/sign-in?to=")
    visitor.sign_in(Role.RATER, name="Bea")
    assert visitor.get(PAGE).status_code == 403
    assert "/curate" not in visitor.get("/p/pirate").text
    visitor.sign_in(Role.CURATOR)
    assert f'href="{PAGE}"' in visitor.get("/p/pirate").text
    assert 'href="/curate"' in visitor.get("/").text
    assert f'href="{PAGE}"' in visitor.get("/curate").text
    assert visitor.get("/p/nobody/curate").status_code == 404


def test_a_persona_of_no_nights_has_a_page(curator: Visitor):
    page = curator.get(PAGE)
    assert page.status_code == 200
    assert "Nothing was promoted yet" in page.text
    for drawing in ("metrics", "ratings"):
        ElementTree.fromstring(curator.get(f"{PAGE}/{drawing}.svg").text)  # noqa: S314 - our own
    assert curator.get(f"{PAGE}/canary.svg").status_code == 409


def test_it_tells_what_the_nights_did(curator: Visitor, clean: Engine):
    add_night(clean, 1)
    add_night(clean, 2)
    page = " ".join(curator.get(PAGE).text.split())
    for shown in (
        "v2 serves",
        "full by test",
        'href="/p/pirate/live"',
        "v2, serves",
        "0.520",
        "answers in style",
        ">PASS</span>",
        "412 rows of what was said up to",
        'In: <span lang="en" dir="ltr">ratings</span>: 9.',
        'Left out: <span lang="en" dir="ltr">too long</span>: 2.',
        'Left out: <span lang="en" dir="ltr">late</span>: 2.',
        ">succeeded</span>",
        "v2 against v1",
    ):
        assert shown in page, shown
    metrics = curator.get(f"{PAGE}/metrics.svg").text
    assert "answers in style: 0.510 of v1, 0.520 of v2." in metrics
    assert "2 ratings in 30 days, 2 of them today" in curator.get(f"{PAGE}/ratings.svg").text


def test_however_much_there_is_it_takes_as_many_statements(curator: Visitor, clean: Engine):
    add_night(clean, 1)
    paths = (PAGE, "/curate", f"{PAGE}/metrics.svg", f"{PAGE}/ratings.svg")
    few = []
    for path in paths:
        with counted() as statements:
            curator.get(path)
        few.append(len(statements))
    for number in range(2, 14):
        add_night(clean, number)
    for path, before in zip(paths, few, strict=True):
        with counted() as statements:
            curator.get(path)
        assert len(statements) == before, path
    assert few[0] <= 20


def test_an_open_canary_has_its_band(curator: Visitor, clean: Engine):
    with session_scope(clean) as session:
        canary = add_canary(session, find_persona(session, "pirate"), number=1)
        keep_look(session, canary.id, judge_canary((), CanaryPolicy()), at=AT)
    assert "0 conversations count" in curator.get(PAGE).text
    assert "too few ratings for a band yet" in curator.get(f"{PAGE}/canary.svg").text


def retrain(visitor: Visitor):
    return visitor.submit(visitor.get(PAGE), f"{PAGE}/retrain")


def test_retrain_now_starts_one_run_however_often_its_form_is_sent(
    curator: Visitor, clean: Engine, airflow: FakeAirflow
):
    page = curator.get(PAGE)
    for _ in range(2):
        assert curator.submit(page, f"{PAGE}/retrain").location == PAGE
    ((run, (dag, form)),) = airflow.runs.items()
    assert (dag, form) == ("retrain_persona", {"persona": "pirate"})
    assert acts(clean) == [("retrain", "pirate", "account:Ada")]
    assert f'href="{airflow.url}/dags/retrain_persona/runs/{run}"' in curator.get(PAGE).text


def test_what_was_started_is_said_at_the_top_with_its_run(curator: Visitor, airflow: FakeAirflow):
    assert "A training was started." not in curator.get(PAGE).text
    retrain(curator)
    page = curator.get(PAGE).text
    told = page.index("A training was started.")
    assert told < page.index("<h1>")
    assert f"/dags/retrain_persona/runs/{next(iter(airflow.runs))}" in page[told : page.index("<h1>")]
    assert "A training was started." not in curator.get(PAGE).text


@pytest.mark.parametrize(
    ("dag", "form"),
    [
        ("retrain_persona", {"persona": "pirate"}),
        ("train_new_persona", {"slug": "pirate"}),
        ("nightly_retrain", {}),
    ],
)
def test_no_second_training_is_started_while_one_waits_or_works(
    curator: Visitor, clean: Engine, airflow: FakeAirflow, dag: str, form: dict[str, str]
):
    airflow.runs["before"] = (dag, form)
    refused = retrain(curator)
    assert refused.status_code == 409
    assert "waits or is under way already" in refused.text
    assert f'href="{airflow.url}/dags/{dag}/runs/before"' in refused.text
    assert list(airflow.runs) == ["before"]
    assert acts(clean) == []
    airflow.ended.add("before")
    assert retrain(curator).status_code == 303


def test_what_is_under_way_elsewhere_keeps_nobody_from_it(curator: Visitor, airflow: FakeAirflow):
    airflow.runs["other"] = ("retrain_persona", {"persona": "poet"})
    airflow.runs["watch"] = ("watch_canaries", {})
    assert retrain(curator).status_code == 303


def test_too_little_to_learn_from_is_said_before_airflow_is_asked(
    curator: Visitor, clean: Engine, airflow: FakeAirflow
):
    with session_scope(clean) as session:
        persona = find_persona(session, "pirate")
        persona.example_policy = persona.example_policy | {"minimum_new": 2}
        add_rating(session, add_answer(session, persona), at=AT)
    refused = retrain(curator)
    assert refused.status_code == 409
    assert "nothing would be learnt: pirate: 1 new pieces of feedback, and 2 are needed" in refused.text
    assert airflow.runs == {}
    with session_scope(clean) as session:
        add_rating(session, add_answer(session, find_persona(session, "pirate")), at=AT)
    assert retrain(curator).status_code == 303


def test_why_nothing_was_learnt_the_last_time_stands_by_the_button(curator: Visitor, clean: Engine):
    with session_scope(clean) as session:
        persona = find_persona(session, "pirate")
        record_skip(session, persona, Skipped("too few pairs", {}), cutoff=AT, at=AT)
    page = curator.get(PAGE).text
    assert "too few pairs" in page[page.index('id="last-skip"') : page.index("Retrain now")]
    with session_scope(clean) as session:
        add_training_set(session, find_persona(session, "pirate"), cutoff=AT.replace(year=2030))
    assert 'id="last-skip"' not in curator.get(PAGE).text


def test_a_new_persona_has_its_examples_and_what_comes_next_until_its_first_night(
    curator: Visitor, clean: Engine
):
    with session_scope(clean) as session:
        audit.record(session, "create", "pirate", actor="account:Ada", at=AT, details={"examples": 12})
    assert "Pirate was created, with 12 seed examples." in curator.get(PAGE).text
    add_night(clean, 1)
    assert "was created, with" not in curator.get(PAGE).text


def test_without_airflow_the_page_says_so_and_everything_else_works(
    settings: Settings, clean: Engine, generator: FakeGenerator, app: Flask
):
    del app  # which made the persona
    closed = settings.model_copy(update={"airflow_url": "http://127.0.0.1:9"})
    alone = Visitor(create_app(closed, engine=clean, generator=generator).test_client())
    alone.sign_in(Role.CURATOR)
    refused = retrain(alone)
    assert refused.status_code == 503
    assert "Airflow at http://127.0.0.1:9 does not answer" in refused.text
    assert "Ratings per day" in refused.text
    assert acts(clean) == []
    assert alone.submit(alone.get(PAGE), f"{PAGE}/state", state="paused", reason="wait").status_code == 303


def test_what_airflow_refuses_is_told(curator: Visitor, clean: Engine, airflow: FakeAirflow):
    airflow.refuses = True
    refused = retrain(curator)
    assert refused.status_code == 409
    assert "no such form" in refused.text
    assert acts(clean) == []


def test_a_promoter_puts_a_version_back_with_a_reason_and_both_journals_say_who(
    promoter: Visitor, clean: Engine
):
    add_night(clean, 1)
    add_night(clean, 2)
    page = promoter.get(PAGE)
    assert promoter.submit(page, f"{PAGE}/move", version="1", reason=" ").status_code == 400
    assert promoter.submit(page, f"{PAGE}/move", version="1", reason="worse on <physics>").location == PAGE
    with session_scope(clean) as session:
        row = ledger_rows(session, find_persona(session, "pirate"))[0]
        assert (row.kind, row.version.number, row.actor) == ("rollback", 1, "account:Ada")
        assert row.reason == "worse on <physics>"
    assert acts(clean) == [("rollback", "pirate", "account:Ada")]
    again = promoter.submit(page, f"{PAGE}/move", version="1", reason="worse on <physics>")
    assert again.status_code == 409
    assert promoter.submit(page, f"{PAGE}/move", version="2", reason="was right").location == PAGE
    assert acts(clean)[0] == ("reinstate", "pirate", "account:Ada")


def test_no_version_that_may_not_serve_is_put_in_place(promoter: Visitor, clean: Engine):
    add_night(clean, 1)
    with session_scope(clean) as session:
        add_version(session, find_persona(session, "pirate"), number=7)
    page = promoter.get(PAGE)
    assert '<option value="7">' not in page.text
    for version, status in (("", 400), ("x", 400), ("-1", 400), ("7", 409), ("99", 404)):
        assert promoter.submit(page, f"{PAGE}/move", version=version, reason="x").status_code == status
    with session_scope(clean) as session:
        assert who_serves(session, find_persona(session, "pirate")).number == 1


def test_a_curator_puts_no_version_back(curator: Visitor, clean: Engine):
    add_night(clean, 1)
    page = curator.get(PAGE)
    assert "Only a promoter may do that." in page.text
    refused = curator.submit(page, f"{PAGE}/state", to=f"{PAGE}/move", version="0", reason="x")
    assert refused.status_code == 403


def test_a_paused_persona_answers_and_is_not_trained(curator: Visitor, clean: Engine, airflow: FakeAirflow):
    form = curator.get(PAGE)
    curator.submit(form, f"{PAGE}/state", state="paused", reason="a <holiday>")
    assert acts(clean) == [("pause", "pirate", "account:Ada")]
    page = curator.get(PAGE).text
    assert "is paused since" in page
    assert "a &lt;holiday&gt;" in page
    assert "Retrain now" not in page
    refused = curator.submit(form, f"{PAGE}/retrain")
    assert refused.status_code == 409
    assert airflow.runs == {}
    assert curator.ask().status_code == 303
    curator.submit(curator.get(PAGE), f"{PAGE}/state", state="active", reason="back")
    assert retrain(curator).status_code == 303


def test_an_archived_persona_is_neither_listed_nor_asked_and_its_history_stays(curator: Visitor):
    asked, form = curator.answer_of(curator.ask()), curator.get("/p/pirate")
    curator.submit(curator.get(PAGE), f"{PAGE}/state", state="archived", reason="done with")
    assert "Pirate" not in curator.get("/").text
    assert curator.get("/p/pirate").status_code == 409
    refused = curator.submit(form, "/p/pirate/ask", question="Why?", submission=str(uuid4()))
    assert refused.status_code == 409
    assert "is archived: choose another one" in refused.text
    assert "done with" not in refused.text  # which is for curators
    assert curator.get(asked).status_code == 200
    assert "archived" in curator.get("/curate").text
    curator.submit(curator.get(PAGE), f"{PAGE}/state", state="active", reason="wanted again")
    assert "Pirate" in curator.get("/").text


def test_a_state_needs_a_word_and_a_reason(curator: Visitor, clean: Engine):
    form = curator.get(PAGE)
    for state, reason in (("asleep", "x"), ("", "x"), ("paused", ""), ("paused", "a\nb")):
        assert curator.submit(form, f"{PAGE}/state", state=state, reason=reason).status_code == 400
    assert acts(clean) == []


def test_an_approval_is_among_the_acts(promoter: Visitor, clean: Engine):
    with session_scope(clean) as session:
        version = add_version(session, find_persona(session, "pirate"))
        decision = (
            f"/decisions/{add_decision(session, version, verdict='PASS', policy={'approval': True}).id}"
        )
    page = promoter.get(decision)
    for _ in range(2):
        promoter.submit(page, f"{decision}/approve", reason="I read them")
    assert acts(clean) == [("approve", "pirate", "account:Ada")]
