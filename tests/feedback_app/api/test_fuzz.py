"""The API against its own document: 500 requests that keep to it or break it."""

from sqlalchemy import Engine

from benchmarks._fuzzing import fuzz
from feedback_app import create_app
from feedback_app.limits import Limits
from services.accounts import clients
from services.db.session import session_scope
from services.domain.scopes import Scope
from services.settings import Settings
from tests.builders import AT, add_persona
from tests.fakes import FakeGenerator

REQUESTS = 500


def test_no_request_is_an_error_of_ours_or_answered_otherwise_than_the_document_says(
    settings: Settings, clean: Engine
):
    with session_scope(clean) as session:
        add_persona(session, slug="pirate", display_name="Pirate")
        token = clients.create(session, "fuzz", list(Scope), actor="test", at=AT)
    unlimited = settings.model_copy(update=dict.fromkeys(Limits.NAMES, "1000000/minute"))
    app = create_app(unlimited, engine=clean, generator=FakeGenerator())
    fuzzed = fuzz(app, token, requests=REQUESTS, chance=1)
    assert fuzzed.violations == {}
    assert fuzzed.requests >= REQUESTS
    assert {200, 201, 400, 404} <= set(fuzzed.statuses)
    assert max(fuzzed.statuses) < 500
