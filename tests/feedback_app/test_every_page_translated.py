"""Every page of the app says all it says in the language of who reads it."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from services.accounts import invitations
from services.adapters.promotions import find_persona
from services.db.base import Base
from services.db.session import session_scope
from services.domain.feedback import AnswerId
from services.domain.roles import Role
from services.feedback.pairing import pair_up
from services.feedback.recording import rate
from services.training_sets.skipping import Skipped, record_skip
from tests.builders import AT, add_answer, add_persona, asker_of
from tests.feedback_app.conftest import Visitor
from tests.feedback_app.pseudo_language import LANGUAGE, Untranslated, write_bracketed
from tests.judged_versions import add_judged
from tests.lineage_builders import add_canary
from tests.told_runs import add_told_run

# No pages for people to read.
NO_PAGES = {
    "static": "files",
    "bootstrap.static": "files",
    "health.healthz": "JSON for a supervisor",
    "health.readyz": "JSON for a supervisor",
    "metrics.metrics": "for Prometheus",
    "own_data.export": "the rater's own words, as JSON",
    "judging.of_decision": "leads on to the page of two reports",
    "comparing.of_any": "leads on to the two answers that wait",
}
DRAWN = re.compile(r"\.svg$")  # the services' drawings say their own words
NAMES = {"persona", "loop", "UTC", "SFT", "DPO", "KTO", "JSON", "SVG", "Airflow"}
# What is stored where no SELECT reads it: in reports' items and in the prompt that domain builds.
PACKED = {"Thing", "Rome", "alert", "script", "Question"}


@pytest.fixture
def bracketed(app: Flask, tmp_path: Path) -> Flask:
    write_bracketed(tmp_path)
    app.extensions["babel"].translation_directories = [str(tmp_path)]
    return app


def test_every_page_says_nothing_that_is_not_translated(bracketed: Flask, visitor: Visitor, clean: Engine):
    visitor.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = LANGUAGE
    addresses = fill(visitor, clean)
    rules = {rule.endpoint: rule for rule in bracketed.url_map.iter_rules() if "GET" in (rule.methods or ())}
    pages = [
        rule
        for endpoint, rule in rules.items()
        if endpoint not in NO_PAGES and not endpoint.startswith("api.") and not DRAWN.search(rule.rule)
    ]
    assert len(pages) > 20
    data, left = NAMES | PACKED | words_of(clean), {}
    for rule in pages:
        address = re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", lambda name: addresses[name[1]], rule.rule)
        address = addresses.get(rule.endpoint, address)
        page = visitor.get(address)
        assert page.status_code == 200, (address, page.text)
        seen = Untranslated()
        seen.feed(page.text)
        assert f'lang="{LANGUAGE}"' in page.text
        left |= {address: sorted(seen.words() - data)} if seen.words() - data else {}
    assert left == {}, "say it by gettext, or mark it as the services' English (lang=en)"


def fill(visitor: Visitor, clean: Engine) -> dict[str, str]:
    """Something of all that pages show, and what addresses of pages name of it."""
    visitor.sign_in(Role.ADMIN, name="ΑΔΑ")
    with session_scope(clean) as session:
        persona = find_persona(session, "pirate")
        add_persona(session, slug="parrot")
        judged = add_judged(session, persona, at=AT)
        run = add_told_run(session, persona, at=AT)
        add_canary(session, persona, number=2)
        refused = Skipped("pirate: 3 new pieces of feedback, and 10 are needed", {"waits for more": 3})
        record_skip(session, persona, refused, cutoff=AT, at=AT)
        of_another = add_answer(session, persona, question="What is a mast?")
        persona.example_policy = persona.example_policy | {"peer_percent": 100}
        asker, submission = asker_of(of_another), uuid4()
        rate(session, answer_id=of_another.id, rater=asker, stars=4, submission=submission, at=AT)
        for answer in ("A spine.", "What she stands on."):
            pair_up(
                session, AnswerId(add_answer(session, persona, question="What is a keel?", text=answer).id)
            )
        token = invitations.invite(session, Role.CURATOR, actor="ΑΔΑ", at=AT)
        named = {
            "run_id": str(run.id),
            "decision_id": str(judged.decision.id),
            "candidate": str(judged.decision.candidate_report_id),
            "champion": str(judged.decision.champion_report_id),
        }
    answer = visitor.answer_of(visitor.ask())
    for form, said in (
        ("rate", {"stars": "4"}),
        ("correct", {"text": "Salt."}),
        ("comment", {"text": "Good."}),
    ):
        visitor.submit(visitor.get(answer), f"{answer}/{form}", **said)
    peer = re.search(r"/peers/[\w-]+", visitor.get(answer).text)
    assert peer is not None
    offer = visitor.submit(visitor.get("/p/pirate/compare"), "/p/pirate/compare").location
    return named | {
        "slug": "pirate",
        "peers.page": peer[0],
        "comparing.of_persona": "/p/parrot/compare",
        "token": token,
        "answer_id": answer.rsplit("/", 1)[1],
        "offer_id": offer.rsplit("/", 1)[1],
    }


def words_of(engine: Engine) -> set[str]:
    """Every word that is stored anywhere: what people, models and commands wrote."""
    with engine.connect() as connection:
        rows = [
            str(row)
            for table in Base.metadata.sorted_tables
            for row in connection.execute(text(f'SELECT * FROM "{table.name}"'))  # noqa: S608 - our own tables
        ]
    return {word for row in rows for word in re.findall(r"[A-Za-z]{2,}", row)}
