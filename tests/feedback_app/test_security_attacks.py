"""Attacks, one test each, which fails where the defence that its docstring names is taken away.

What every response carries and every form needs is `test_security`'s, forged cookies are `test_raters`'.
"""

import gzip
import json
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import argon2
import pytest
from sqlalchemy import Engine, func, select

from feedback_app.backend import now
from services.accounts import invitations, managing, passwords
from services.db.account_tables import AccountRow
from services.db.agreement_tables import AgreementRow
from services.db.feedback_tables import AnswerRow, ConversationRow, PersonaRow, RatingRow
from services.db.session import session_scope
from services.domain.roles import Role
from services.feedback.agreements import WORDING
from tests.builders import AT
from tests.fakes import FakeGenerator
from tests.feedback_app.api.conftest import Api, api, new_api  # noqa: F401 - fixtures
from tests.feedback_app.conftest import PASSWORD, Visitor, answer_id, hidden_fields
from tests.feedback_app.html_pages import parsed, shown, skeleton

NEW = "/curate/new"
PERSONA = {"slug": "poet", "name": "Poet", "template": "You rhyme.", "format": "free_text", "start": "base"}
SEEDS = json.dumps({"instruction": "What is a?", "output": "Oh, a!"})
MARKUP = "\n".join(
    (
        "<script>alert(1)</script> <img src=x onerror=alert(1)> </p><svg onload=alert(1)>",
        "</textarea><script>alert(1)</script> </option></select><b>x</b> {{ 7*7 }} &lt;b&gt;",
        "[come](javascript:alert(1)) ![x](javascript:alert(1)) <javascript:alert(1)> **bold** `code`",
        "[1]: javascript:alert(1) \"' onfocus=alert(1) autofocus",
    )
)
NOT_IN_A_FORM = {
    "id": "1",
    "rater": "1",
    "rater_id": "00000000-0000-0000-0000-000000000001",
    "role": "admin",
    "is_admin": "true",
    "account_id": "1",
    "state": "archived",
    "version": "7",
    "adapter_version_id": "7",
    "served_name": "evil",
    "seed": "7",
    "created_at": "2000-01-01",
    "closed_at": "2000-01-01",
    "tombstone": "x",
}


@pytest.fixture
def curator(visitor: Visitor) -> Visitor:
    visitor.sign_in(Role.CURATOR)
    return visitor


def create(curator: Visitor, **fields: object) -> int:
    hidden = hidden_fields(curator.get(NEW), NEW)
    return curator.client.post(NEW, data=hidden | PERSONA | {"do": "create"} | fields).status_code


def personas(engine: Engine) -> list[str]:
    with session_scope(engine) as session:
        return list(session.scalars(select(PersonaRow.slug).order_by(PersonaRow.slug)))


def test_markup_and_markdown_of_a_model_stay_text(
    new_visitor: Callable[[], Visitor], generator: FakeGenerator
):
    """XSS: templates escape what they are given, and nothing turns an answer into markup."""
    skeletons = []
    for text in ("plain", MARKUP):
        generator.text, visitor = text, new_visitor()
        path = visitor.answer_of(visitor.ask())
        pages = [parsed(visitor.get(where).text) for where in (path, "/history")]
        assert all(any(MARKUP in one for one in shown(page)) for page in pages) == (text == MARKUP)
        skeletons.append([skeleton(page) for page in pages])
    (plain, _), (marked, _) = skeletons
    assert plain == marked
    assert not {"svg ['onload']", "javascript:alert(1)"} & set(shown(pages[1]) + skeletons[1][1])


def test_no_script_makes_markup_of_words():
    """XSS: while an answer is written, the page's script shows its words as text."""
    scripts = list((Path(__file__).parents[2] / "feedback_app" / "static").glob("*.js"))
    assert scripts
    for script in scripts:
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcdoc"):
            assert way not in script.read_text(encoding="utf-8"), (script.name, way)


def test_no_slug_and_no_uploads_name_is_a_path(
    curator: Visitor, clean: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Path traversal: slugs are letters, digits and hyphens; an upload's name is never looked at."""
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    for slug in ("../x", "..", "a/../b", "/etc/x", "..\\x", "a%2f..", "a\x00", "po et", "poet\n", "Ünder"):
        assert create(curator, slug=slug) == 400, slug
        assert curator.get(f"/p/{quote(slug, safe='')}/curate").status_code == 404, slug
    assert personas(clean) == ["pirate"]
    for number, name in enumerate(("../../x.jsonl", f"{tmp_path}/x.jsonl", "x.jsonl", "..\\x.jsonl")):
        upload = (BytesIO(SEEDS.encode()), name)
        assert create(curator, slug=f"poet{number}", file=upload) == 303
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_visit_from_before_the_sign_in_is_worth_nothing_after_it(
    visitor: Visitor, new_visitor: Callable[[], Visitor]
):
    """Session fixation: signing in begins a visit of its own, of which a planted cookie knows nothing."""
    visitor.get("/sign-in")
    planted = visitor.client.get_cookie("session")
    assert planted is not None
    visitor.sign_in()
    attacker = new_visitor()
    attacker.client.set_cookie("session", planted.value)
    assert attacker.get("/account").status_code == 303
    with visitor.client.session_transaction() as visit:
        assert "csrf_token" not in visit


def test_a_planted_raters_cookie_sees_nothing_of_the_account_that_was_made_with_it(
    visitor: Visitor, new_visitor: Callable[[], Visitor], clean: Engine
):
    """Session fixation: whoever has an account is known by the sign-in alone, by no cookie of before."""
    attacker = new_visitor()
    attacker.ask()
    planted = attacker.client.get_cookie("rater")
    assert planted is not None
    visitor.client.set_cookie("rater", planted.value)
    with session_scope(clean) as session:
        address = f"/invitations/{invitations.invite(session, Role.RATER, actor='test', at=now())}"
    visitor.submit(visitor.get(address), address, name="Ada", password=PASSWORD)
    path = visitor.answer_of(visitor.ask(question="Where does it hurt?"))
    assert visitor.get(path).status_code == 200
    assert attacker.get(path).status_code == 403
    assert "Where does it hurt?" not in attacker.get("/history").text + attacker.get("/your-data/export").text
    form = hidden_fields(attacker.get("/p/pirate"), "/p/pirate/ask") | {"stars": "1"}
    for said in (form, form | {"agreed": str(WORDING)}):
        assert attacker.client.post(f"{path}/rate", data=said).status_code == 403
    with session_scope(clean) as session:
        for journal in (RatingRow, AgreementRow):
            assert session.scalar(select(func.count()).select_from(journal)) == 0
    assert attacker.ask().status_code == 303  # as somebody new


def test_a_planted_visit_asks_nothing_in_the_name_of_the_account_that_was_made_in_it(
    visitor: Visitor, new_visitor: Callable[[], Visitor], clean: Engine
):
    """Session fixation: the id that a visit gives a new rater is not given again once it is an account's."""
    attacker = new_visitor()
    attacker.get("/p/pirate")
    planted = attacker.client.get_cookie("session")
    assert planted is not None
    visitor.client.set_cookie("session", planted.value)
    visitor.ask()
    with session_scope(clean) as session:
        address = f"/invitations/{invitations.invite(session, Role.RATER, actor='test', at=now())}"
    visitor.submit(visitor.get(address), address, name="Ada", password=PASSWORD)
    assert attacker.ask(question="Who planted this?").status_code == 303
    assert "Who planted this?" not in visitor.get("/history").text


@pytest.mark.parametrize(
    "to", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "/\t/x.example", "x"]
)
def test_the_sign_in_leads_nowhere_else(visitor: Visitor, to: str):
    """Open redirect: only what reads as a path of this site is gone to."""
    assert visitor.sign_in(to=to).location == "/account"
    assert visitor.sign_in(to="/p/pirate/curate").location == "/p/pirate/curate"


def test_what_a_form_does_not_have_is_not_taken(visitor: Visitor, clean: Engine):
    """Mass assignment: forms are read field by field, and nothing else of a request reaches a row."""
    with session_scope(clean) as session:
        address = f"/invitations/{invitations.invite(session, Role.CURATOR, actor='test', at=now())}"
    extra = NOT_IN_A_FORM
    visitor.submit(visitor.get(address), address, **{"name": "Ada", "password": PASSWORD} | extra)
    path = visitor.answer_of(visitor.ask(**extra))
    visitor.submit(visitor.get(path), f"{path}/rate", **{"stars": "4"} | extra)
    assert create(visitor, **extra) == 303
    with session_scope(clean) as session:
        account = session.scalars(select(AccountRow)).one()
        answer = session.get_one(AnswerRow, answer_id(path))
        rating = session.scalars(select(RatingRow)).one()
        conversation = session.scalars(select(ConversationRow)).one()
        persona = session.scalars(select(PersonaRow).filter_by(slug="poet")).one()
        assert (account.role, account.closed_at) == ("curator", None)
        assert rating.rater_id == conversation.rater_id == account.rater_id
        assert answer.served_name != "evil"
        assert (persona.state, answer.tombstone, rating.tombstone) == ("active", None, None)
        assert min(row.created_at for row in (account, answer, rating, persona)) > AT


def test_what_the_api_does_not_name_is_refused(api: Api):  # noqa: F811
    """Mass assignment: bodies, headers and parameters have models that forbid everything else."""
    document = api.get("/openapi.json").get_json()
    answer, tried = api.ask()["id"], 0
    for path, methods in document["paths"].items():
        where = (
            path.removeprefix("/api/v1")
            .replace("{slug}", "pirate")
            .replace("{answer_id}", answer)
            .replace("{number}", "1")
        )
        for name, value in NOT_IN_A_FORM.items() if "post" in methods else ():
            told = api.post(where, {name: value}).get_json()
            assert (told["status"], name in [one["field"] for one in told["errors"]]) == (400, True), path
            tried += 1
    assert tried >= 4 * len(NOT_IN_A_FORM)


def test_an_unknown_name_costs_a_sign_in_as_much_as_a_wrong_password(
    visitor: Visitor, clean: Engine, monkeypatch: pytest.MonkeyPatch
):
    """Timing of sign-in: a password is checked, with equal parameters, where there is no account for it."""
    costs = []

    class Counting(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - its name
            costs.append(argon2.extract_parameters(str(hash)))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_HASHER", Counting())
    monkeypatch.setattr(passwords, "_of_nobody", cache(passwords._of_nobody.__wrapped__))
    visitor.sign_in(name="Ada")
    visitor.sign_in(name="Eve")
    with session_scope(clean) as session:
        managing.close(session, managing.find_account(session, "Eve"), actor="test", at=now())
    costs.clear()
    page = visitor.get("/sign-in")
    for name in ("Ada", "Eve", "nobody", ""):
        assert visitor.submit(page, "/sign-in", name=name, password="a wrong guess").status_code == 403
    assert len(costs) == 4
    assert len(set(map(str, costs))) == 1


def test_what_is_sent_packed_is_not_unpacked(curator: Visitor, clean: Engine, api: Api):  # noqa: F811
    """Zip bombs: an upload is text or nothing, no request's encoding is undone, and both have one size."""
    packed = gzip.compress(f"{SEEDS}\n".encode() * 200_000)
    assert len(packed) < 60_000
    assert create(curator, file=(BytesIO(packed), "seeds.jsonl")) == 400
    assert create(curator, file=(BytesIO(gzip.compress(SEEDS.encode())), "seeds.jsonl.gz")) == 400
    assert create(curator, policy="[" * 200_000) == 400
    assert create(curator, seeds="[" * 200_000) == 400
    assert personas(clean) == ["pirate"]
    form = "multipart/form-data; boundary=x"
    assert curator.client.post(NEW, data=b" " * 1_000_001, content_type=form).status_code == 413
    body = gzip.compress(json.dumps({"question": "Why?"}).encode())
    headers = {"Authorization": f"Bearer {api.token}", "End-User": "u", "Idempotency-Key": "k"}
    for encoding, sent, status in (
        ("gzip", body, 400),
        ("gzip", packed, 400),
        ("identity", b"[" * 900_000, 400),
        ("identity", b"[" * 1_000_001, 413),
    ):
        answered = api.browser.post(
            "/api/v1/personas/pirate/answers",
            data=sent,
            headers=headers | {"Content-Encoding": encoding, "Content-Type": "application/json"},
        )
        assert answered.status_code == status
    with session_scope(clean) as session:
        assert session.scalar(select(func.count()).select_from(AnswerRow)) == 0
