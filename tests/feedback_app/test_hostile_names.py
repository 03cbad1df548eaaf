"""Strings that break things as names, passwords and reasons, and in personas: see `test_hostile_texts`."""

import json

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from feedback_app import create_app
from feedback_app.backend import now
from feedback_app.limits import Limits
from services.accounts import invitations
from services.adapters.promotions import find_persona
from services.db.account_tables import AccountRow
from services.db.canary_tables import ApprovalRow
from services.db.feedback_tables import SeedExampleRow
from services.db.lineage_tables import PromotionRow
from services.db.review_tables import FeedbackReviewRow
from services.db.session import session_scope
from services.domain.feedback import Reason
from services.domain.roles import Role
from services.feedback.personas import NAME_LIMIT, REASON_LIMIT
from services.settings import Settings
from tests.builders import add_answer, add_rating
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor
from tests.feedback_app.hostile_texts import STRINGS, Form, as_line, assert_inert, assert_said_why, said
from tests.lineage_builders import add_decision, add_serving_version, add_version

TYPED = ("name", "template", "slug", "policy", "minimum_rows", "share", "most_days", "begins_with")
PADDING = "\u00b7 and some more"
PAGE = 50  # entries of the audit log


@pytest.fixture
def reader(settings: Settings, app: Flask, clean: Engine, generator: FakeGenerator) -> Visitor:
    """In an app without limits."""
    del app  # which made a persona
    unlimited = settings.model_copy(update=dict.fromkeys(Limits.NAMES, "1000000/minute"))
    return Visitor(create_app(unlimited, engine=clean, generator=generator).test_client())


@pytest.fixture
def admin(reader: Visitor) -> Visitor:
    reader.sign_in(Role.ADMIN)
    return reader


def storable(*, limit: int) -> list[str]:
    """As lines of this length."""
    return [line for line in (as_line(one, limit=limit) for one in STRINGS) if line is not None]


def test_names_and_passwords_of_accounts(admin: Visitor, clean: Engine):
    other = Visitor(admin.client.application.test_client())
    other.client.application.config["WTF_CSRF_ENABLED"] = False  # every sign-in begins another visit
    made: dict[str, str] = {}
    for string in STRINGS:
        line, password = as_line(string, limit=invitations.NAME_LIMIT), string + PADDING
        other.client.delete_cookie("session")
        refused = other.client.post("/sign-in", data={"name": string, "password": password})
        assert refused.status_code == 403, ascii(string)
        assert "There is no account of this name" in refused.text
        with session_scope(clean) as session:
            token = invitations.invite(session, Role.RATER, actor="test", at=now())
        sent = other.client.post(f"/invitations/{token}", data={"name": string, "password": password})
        if line is None or line.lower() in made:
            assert_said_why(sent, string)
            continue
        assert sent.status_code == 303, ascii(string)
        made[line.lower()] = line
        changed = {"old": password, "new": f"{password}!"}
        assert other.client.post("/account/password", data=changed).status_code == 303
        for given, status in ((password, 403), (f"{password}!", 303)):
            signed_in = other.client.post("/sign-in", data={"name": string, "password": given})
            assert signed_in.status_code == status, ascii(string)
    with session_scope(clean) as session:
        assert {*made.values(), "Ada"} == set(session.scalars(select(AccountRow.name)))
    assert_inert(admin.get("/admin/accounts"), *made.values())
    everything = "".join(STRINGS)
    refused = other.client.post("/sign-in", data={"name": everything, "password": everything})
    assert_inert(refused, said(everything).replace("\x00", "\ufffd"))


def test_what_personas_are_made_of(admin: Visitor, clean: Engine):
    form = Form(admin, "/curate/new", "/curate/new")
    plain = {"template": "You rhyme.", "format": "free_text", "start": "base", "do": "create"}
    for number, string in enumerate(STRINGS):
        slug, line = f"p{number}", as_line(string, limit=NAME_LIMIT)
        template = said(string).strip()
        kept = {"name": string} if line else {"name": "Plain"}
        kept |= {"template": string} if template and not set("{\x00") & set(template) else {}
        made = form.send("/curate/new", **plain | {"slug": slug} | kept)
        assert made.status_code == 303, ascii(string)
        with session_scope(clean) as session:
            row = find_persona(session, slug)
            assert (row.display_name, row.system_template) == (
                line or "Plain",
                said(kept.get("template", "You rhyme.")).strip(),
            )
        typed = plain | dict.fromkeys(TYPED, string) | {"do": "preview"}
        refused = form.send("/curate/new", **typed)
        assert refused.status_code in {200, 400}, ascii(string)
        assert_inert(refused, said(string).replace("\x00", "\ufffd"))
    names = storable(limit=NAME_LIMIT)
    for page in ("/", "/curate"):
        assert_inert(admin.get(page), *names)
    for number, string in enumerate(STRINGS):
        line = as_line(string, limit=NAME_LIMIT)
        if line and set(line) & set("<\"'{&"):
            for page in ("", "/curate", "/ledger", "/live", "/runs"):
                assert_inert(admin.get(f"/p/p{number}{page}"), line)


def test_markers_and_seed_examples(admin: Visitor, clean: Engine):
    form = Form(admin, "/curate/new", "/curate/new")
    plain = {"name": "Poet", "template": "You rhyme.", "format": "free_text", "start": "base", "do": "create"}
    markers = [line for line in storable(limit=NAME_LIMIT) if line]
    lines = [json.dumps({"instruction": f"{one}\nWhy?", "output": one}) for one in STRINGS if one.strip()]
    seeds = "\n".join(line for line in lines if "\\u0000" not in line)
    sent = {"slug": "poet", "markers": "\r\n".join(markers), "seeds": seeds}
    assert form.send("/curate/new", **plain | sent).status_code == 303
    with session_scope(clean) as session:
        row = find_persona(session, "poet")
        assert row.markers == markers
        of_it = SeedExampleRow.persona_id == row.id
        kept = set(session.scalars(select(SeedExampleRow.completion).where(of_it)))
        asked = set(session.scalars(select(SeedExampleRow.text).where(of_it)))
    storables = [one for one in STRINGS if one.strip() and "\x00" not in one]
    # Lines that differ in nothing but white space are one example.
    assert kept == {one.strip() for one in storables}
    assert {" ".join(one.split()) for one in asked} == {" ".join(f"{one}\nWhy?".split()) for one in storables}
    refused = form.send("/curate/new", **plain | {"slug": "other", "seeds": "\n".join(lines)})
    assert refused.status_code == 400
    assert "a NUL character" in refused.text
    assert_said_why(form.send("/curate/new", **plain | {"slug": "other", "markers": "a\x00"}), "a\x00")


def test_reasons(admin: Visitor, clean: Engine):
    with session_scope(clean) as session:
        row = find_persona(session, "pirate")
        for number in (1, 2):
            add_serving_version(session, row, number=number)
        decisions = [
            add_decision(session, add_version(session, row, number=3 + place), verdict="INSUFFICIENT").id
            for place in range(len(STRINGS))
        ]
    form, serving = Form(admin, "/p/pirate/curate", "/p/pirate/curate/state"), 2
    for string, decision in zip(STRINGS, decisions, strict=True):
        line, state = as_line(string, limit=REASON_LIMIT), "paused"
        stated = form.send("/p/pirate/curate/state", state=state, reason=string)
        moved = form.send("/p/pirate/curate/move", version=str(3 - serving), reason=string)
        approved = form.send(f"/decisions/{decision}/approve", reason=string)
        if line is None:
            for refused in (stated, moved, approved):
                assert_said_why(refused, string)
            continue
        serving = 3 - serving
        assert [stated.status_code, moved.status_code] == [303, 303], ascii(string)
        with session_scope(clean) as session:
            assert find_persona(session, "pirate").state_reason == line
            newest = select(PromotionRow.reason).order_by(PromotionRow.id.desc()).limit(1)
            assert session.scalar(newest) == line
            approval = select(ApprovalRow.reason).where(ApprovalRow.decision_id == decision)
            assert (approved.status_code, session.scalar(approval)) == (303, line), approved.text
    reasons = storable(limit=REASON_LIMIT)
    assert_inert(admin.get("/p/pirate/ledger"), *reasons[-90:])
    assert_inert(admin.get("/p/pirate/curate"), reasons[-1])
    assert_inert(admin.get("/p/pirate/live"), reasons[-1])
    assert_inert(admin.get("/admin/audit"), *reasons[-PAGE // 3 + 1 :])
    assert_inert(admin.get(f"/decisions/{decisions[-1]}"))


def test_instants_of_a_ledger(admin: Visitor):
    for string in STRINGS:
        found = admin.client.get("/p/pirate/ledger", query_string={"at": string})
        assert found.status_code in {200, 400}, ascii(string)
        assert_inert(found)


def test_reviews(admin: Visitor, clean: Engine):
    with session_scope(clean) as session:
        answer = add_answer(session, find_persona(session, "pirate"))
        source = add_rating(session, answer, stars=1, reasons=[Reason.UNSAFE])
        path = f"/p/pirate/review/{answer.id}"
    form = Form(admin, path, f"{path}/take")
    assert form.send(f"{path}/take").status_code == 303
    for string in STRINGS:
        line = as_line(string, limit=REASON_LIMIT)
        decided = form.send(f"{path}/decide", of=source, verdict="overruled", reason=string)
        if line is None and string.strip():
            assert_said_why(decided, string)
            continue
        assert decided.status_code == 303, ascii(string)
        with session_scope(clean) as session:
            newest = select(FeedbackReviewRow.reason).order_by(FeedbackReviewRow.id.desc()).limit(1)
            assert session.scalar(newest) == (line or "")
        if set(string) & set("<&\"'{"):
            assert_inert(admin.get(path))
