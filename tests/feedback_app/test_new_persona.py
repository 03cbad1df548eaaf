"""A new persona by form: shown first, created whole or not at all, its uploads only ever text."""

import gzip
import json
import re
from collections.abc import Iterator
from io import BytesIO
from zipfile import ZipFile

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from werkzeug.test import TestResponse

from feedback_app import create_app
from services.accounts import audit
from services.adapters.promotions import find_persona
from services.db.feedback_tables import PersonaRow, SeedExampleRow
from services.db.session import session_scope
from services.domain.roles import Role
from services.jobs.bases import recipe_of
from services.settings import Settings
from tests.fake_airflow import FakeAirflow, running_airflow
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor, hidden_fields
from tests.lineage_builders import add_serving_version, add_version, mark_learnt_by

PAGE = "/curate/new"
GOOD = {
    "slug": "poet",
    "name": "The <Poet>",
    "template": "You rhyme for a {audience} about {domain}.",
    "markers": "oh\n\nalas ",
    "format": "free_text",
    "word_limit": "80",
    "start": "champion",
    "policy": '{"canary": {"share": 0.3}}',
}
SEEDS = "\n".join(json.dumps({"instruction": f"What is {one}?", "output": f"Oh, {one}!"}) for one in "abc")


@pytest.fixture
def airflow() -> Iterator[FakeAirflow]:
    with running_airflow() as fake:
        yield fake


@pytest.fixture
def curator(settings: Settings, app: Flask, clean: Engine, airflow: FakeAirflow) -> Visitor:
    del app  # which made a persona
    reached = settings.model_copy(update={"airflow_url": airflow.url})
    visitor = Visitor(create_app(reached, engine=clean, generator=FakeGenerator()).test_client())
    visitor.sign_in(Role.CURATOR)
    return visitor


def send(visitor: Visitor, do: str, *, upload: bytes = b"", **fields: str) -> TestResponse:
    hidden = hidden_fields(visitor.get(PAGE), PAGE)
    file = {"file": (BytesIO(upload), "../../seeds.jsonl")} if upload else {}
    return visitor.client.post(PAGE, data=hidden | GOOD | fields | {"do": do} | file)


def slugs(engine: Engine) -> list[str]:
    with session_scope(engine) as session:
        return list(session.scalars(select(PersonaRow.slug).order_by(PersonaRow.slug)))


def test_only_curators_make_one(visitor: Visitor):
    assert visitor.get(PAGE).location.startswith("/sign-in?to=")
    visitor.sign_in(Role.RATER)
    assert visitor.get(PAGE).status_code == 403


def test_a_preview_shows_the_prompt_and_the_examples_and_creates_nothing(curator: Visitor, clean: Engine):
    shown = send(curator, "preview", upload=SEEDS.encode())
    assert (shown.status_code, shown.mimetype) == (200, "text/html")
    assert "You rhyme for a student about general knowledge." in shown.text
    assert "Answer in at most 80 words." in shown.text
    assert "3 examples" in shown.text
    assert "&#34;What is a?&#34;" in shown.text  # the file stands in the form: it can be sent on as it is
    assert "The &lt;Poet&gt;" in shown.text
    assert slugs(clean) == ["pirate"]


def test_it_is_created_with_its_examples_and_recorded(curator: Visitor, clean: Engine, airflow: FakeAirflow):
    assert send(curator, "create", seeds=SEEDS).location == "/p/poet/curate"
    with session_scope(clean) as session:
        row = find_persona(session, "poet")
        assert (row.display_name, row.markers) == ("The <Poet>", ["oh", "alas"])
        assert row.answer_rules["word_limit"] == 80
        assert row.example_policy["start"] == "champion"
        assert row.canary_policy["share"] == 0.3
        of_it = SeedExampleRow.persona_id == row.id
        assert session.scalar(select(func.count()).where(of_it)) == 3
        (entry,) = audit.on(session, "poet", limit=9)
        assert (entry.act, entry.actor, entry.details) == ("create", "account:Ada", {"examples": 3})
    assert airflow.runs == {}
    assert curator.get("/p/poet/curate").status_code == 200
    assert send(curator, "create").status_code == 409  # there is one


def test_where_chosen_it_is_trained_at_once(curator: Visitor, airflow: FakeAirflow):
    assert send(curator, "create", train="yes").status_code == 303
    ((dag, form),) = airflow.runs.values()
    assert (dag, form) == ("retrain_persona", {"persona": "poet"})


def test_without_airflow_it_is_created_and_its_page_says_what_did_not_begin(
    curator: Visitor, clean: Engine, airflow: FakeAirflow
):
    airflow.refuses = True
    told = send(curator, "create", train="yes")
    assert told.status_code == 409
    assert "Airflow refused" in told.text
    assert "Curating The &lt;Poet&gt;" in told.text
    assert slugs(clean) == ["pirate", "poet"]


def test_lines_that_cannot_be_used_are_named_and_nothing_is_created(curator: Visitor, clean: Engine):
    broken = f'{SEEDS}\n{{"instruction": "no answer"}}\nnot JSON at all'
    for do in ("preview", "create"):
        refused = send(curator, do, seeds=broken)
        assert refused.status_code == 400
        assert "2 cannot be used" in refused.text
        assert "Line 4: " in refused.text
        assert 'Line 5: <span lang="en" dir="ltr">not JSON' in refused.text
        assert "not JSON at all" in refused.text
    assert slugs(clean) == ["pirate"]


def test_an_upload_is_never_unpacked_and_has_a_size(curator: Visitor, clean: Engine):
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.writestr("seeds.jsonl", SEEDS)
    for upload in (packed.getvalue(), gzip.compress(SEEDS.encode()), b"\xff\xfe{}", b'{"a": "\x00"}'):
        refused = send(curator, "create", upload=upload)
        assert refused.status_code == 400
        assert "The file is no" in refused.text
    form = "multipart/form-data; boundary=x"
    assert curator.client.post(PAGE, data=b" " * 1_000_001, content_type=form).status_code == 413
    assert slugs(clean) == ["pirate"]


WRONG = [
    {"slug": "../x"},
    {"slug": "Poet"},
    {"slug": ""},
    {"name": "a\nb"},
    {"name": "x" * 81},
    {"template": "{question}"},
    {"template": "{"},
    {"template": ""},
    {"format": "essay"},
    {"word_limit": "many"},
    {"word_limit": "-1"},
    {"start": "elsewhere"},
    {"policy": "{"},
    {"policy": "[]"},
    {"policy": '{"gate": 3}'},
    {"policy": '{"gates": {}}'},
    {"policy": '{"examples": {"minimum_rows": "x"}}'},
    {"policy": '{"generation": {"temperature": "hot"}}'},
    {"policy": '{"canary": {"share": 7}}'},
    {"policy": '{"gate": {"target": 5}}'},
    {"policy": '{"answers": {"choices": 5}}'},
    {"minimum_rows": "0"},
    {"minimum_new": "-1"},
    {"agreeing_raters": ""},
    {"share": "2"},
    {"share": "nan"},
    {"share": "0.2", "most_days": "x"},
    {"begins_with": "pirate"},
    {"begins_with": "pirate@000000000000"},
]


def test_what_is_wrong_is_said_and_what_was_typed_stays(curator: Visitor, clean: Engine):
    hidden = hidden_fields(curator.get(PAGE), PAGE)
    for wrong in WRONG:
        refused = curator.client.post(PAGE, data=hidden | GOOD | wrong | {"do": "create"})
        assert refused.status_code == 400, wrong
        assert "You rhyme" in refused.text or "template" in wrong
    assert slugs(clean) == ["pirate"]


def test_what_is_wrong_with_a_rule_stands_beside_it(curator: Visitor):
    refused = send(curator, "preview", minimum_rows="0", share="much")
    beside = dict(
        re.findall(r'<p class="notice notice-problem" id="(\w+)-problem" [^>]*>([^<]*)</p>', refused.text)
    )
    assert beside["minimum_rows"] == "Write a whole number from 1 to 1,000,000."
    assert beside["share"] == "Write a number such as 0.2, or nothing for no canary."
    assert len(beside) == 2
    assert refused.text.count('aria-invalid="true"') == 2
    assert 'value="much"' in refused.text


def test_rules_are_fields_with_their_defaults_and_what_json_says_goes_before_them(
    curator: Visitor, clean: Engine
):
    shown = curator.get(PAGE).text
    assert 'name="minimum_rows" value="50"' in shown
    rules = {"minimum_rows": "7", "minimum_new": "3", "share": "0.2", "most_days": "9", "approval": "yes"}
    policy = '{"examples": {"minimum_new": 4}, "canary": {"least_raters": 6}}'
    assert send(curator, "create", policy=policy, **rules).status_code == 303
    with session_scope(clean) as session:
        row = find_persona(session, "poet")
        told = row.example_policy
        assert [told[name] for name in ("minimum_rows", "minimum_new", "agreeing_raters")] == [7, 4, 2]
        canary = row.canary_policy
        assert [canary[name] for name in ("share", "most_days", "least_raters")] == [0.2, 9, 6]
        assert row.gate_policy["approval"] is True


def test_it_may_begin_with_the_adapter_that_serves_another_persona(
    curator: Visitor, clean: Engine, settings: Settings
):
    with session_scope(clean) as session:
        pirate = find_persona(session, "pirate")
        version = add_serving_version(session, pirate)
        mark_learnt_by(version, recipe_of(session, settings, pirate, []))
        name, other = version.name, add_version(session, pirate, number=2).name
    assert f'<option value="{name}">Pirate v1</option>' in curator.get(PAGE).text
    refused = send(curator, "create", begins_with=other)
    assert refused.status_code == 400
    assert "than this persona&#39;s recipe" in refused.text
    assert send(curator, "create", begins_with="pirate").status_code == 400, "who serves it may change"
    assert slugs(clean) == ["pirate"]
    assert send(curator, "create", begins_with=name).status_code == 303
    with session_scope(clean) as session:
        assert find_persona(session, "poet").begins_with == name
        (entry,) = audit.on(session, "poet", limit=9)
        assert entry.details["begins_with"] == name
