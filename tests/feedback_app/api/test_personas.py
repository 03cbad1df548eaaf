"""The personas and their versions, and the document that says all this."""

from flask import Flask
from sqlalchemy import select

from feedback_app.api.operations import OPERATIONS
from feedback_app.backend import Backend
from services.adapters.promotions import find_persona
from services.db.feedback_tables import RaterRow
from services.db.session import session_scope
from services.domain.personas import PersonaState
from services.feedback.personas import change_state
from tests.builders import AT, add_persona
from tests.feedback_app.api.conftest import Api
from tests.lineage_builders import add_serving_version, add_version


def test_personas_come_by_slug(app: Flask, api: Api):
    with session_scope(app.extensions[Backend.KEY].engine) as session:
        add_persona(session, slug="bard", display_name="Bard")
        archived = add_persona(session, slug="lost", display_name="Lost")
        change_state(archived, PersonaState.ARCHIVED, reason="done with", at=AT)
    first = api.get("/personas?limit=1").get_json()
    assert first["items"] == [{"slug": "bard", "name": "Bard", "format": "free_text"}]
    second = api.get(f"/personas?limit=1&cursor={first['next']}").get_json()
    assert [one["slug"] for one in second["items"]] == ["pirate"]
    assert second["next"] is None
    assert api.get("/personas/bard").get_json() == first["items"][0]


def test_an_archived_persona_is_neither_listed_nor_asked(app: Flask, api: Api):
    with session_scope(app.extensions[Backend.KEY].engine) as session:
        find_persona(session, "pirate").state = PersonaState.ARCHIVED
    assert api.get("/personas").get_json()["items"] == []
    refused = api.post("/personas/pirate/answers", {"question": "Why?"})
    assert (refused.status_code, refused.get_json()["title"]) == (409, "Persona archived")
    with session_scope(app.extensions[Backend.KEY].engine) as session:
        assert session.scalars(select(RaterRow)).all() == []


def test_versions_come_newest_first_and_say_which_serves(app: Flask, api: Api):
    with session_scope(app.extensions[Backend.KEY].engine) as session:
        persona = find_persona(session, "pirate")
        add_serving_version(session, persona, number=1)
        add_version(session, persona, number=2)
    first = api.get("/personas/pirate/versions?limit=2").get_json()
    assert [(one["number"], one["serves"]) for one in first["items"]] == [(2, "no"), (1, "champion")]
    rest = api.get(f"/personas/pirate/versions?cursor={first['next']}").get_json()
    assert [one["number"] for one in rest["items"]] == [0]
    assert api.get("/personas/pirate/versions/1").get_json() == first["items"][1]


def test_what_there_is_not_is_a_problem(api: Api):
    for path in ("/personas/nobody", "/personas/NO%20SLUG/versions", "/personas/pirate/versions/9"):
        assert api.get(path).status_code == 404
    assert api.get("/personas/pirate/versions/99999999999").status_code == 404


def test_the_document_has_every_route_and_needs_no_token(app: Flask, api: Api):
    served = api.browser.get("/api/v1/openapi.json").get_json()
    assert served["openapi"] == "3.1.0"
    documented = {(method.upper(), path) for path, item in served["paths"].items() for method in item}
    routed = {
        (method, str(rule).split("<")[0])
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and rule.endpoint != "api.openapi"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(method, path.split("{")[0]) for method, path in documented} == routed
    assert len(documented) == len(OPERATIONS)
