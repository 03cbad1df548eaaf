"""Which language a page speaks: what was chosen, else what the browser asks for, else English."""

import re

import pytest
from sqlalchemy import Engine, select

from services.db.feedback_tables import CorrectionRow, QuestionRow
from services.db.session import session_scope
from tests.builders import add_persona
from tests.feedback_app.conftest import Visitor, hidden_fields


def language_of(visitor: Visitor, accepted: str = "", path: str = "/") -> tuple[str, str]:
    """Of the page, with the direction it is read in."""
    page = visitor.client.get(path, headers={"Accept-Language": accepted})
    found = re.search(r'<html lang="(\w+)" dir="(\w+)">', page.text)
    assert found is not None
    return found[1], found[2]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", ("en", "ltr")),
        ("tlh, *;q=0.1", ("en", "ltr")),
        ("de-AT, en;q=0.5", ("de", "ltr")),
        ("fr, ar-EG;q=0.8, de;q=0.2", ("ar", "rtl")),
        ("en-US, de;q=0.9", ("en", "ltr")),
    ],
)
def test_a_page_speaks_what_the_browser_asks_for(visitor: Visitor, accepted: str, language: tuple[str, str]):
    assert language_of(visitor, accepted) == language


def test_what_was_chosen_holds_on_every_page_until_something_else_is_chosen(visitor: Visitor):
    page = visitor.get("/p/pirate")
    chosen = visitor.submit(page, "/language", language="ar")
    assert chosen.location == "/p/pirate"
    assert language_of(visitor, "de") == ("ar", "rtl")
    assert language_of(visitor, "de", "/nowhere") == ("ar", "rtl")
    visitor.submit(visitor.get("/history"), "/language", language="en")
    assert language_of(visitor, "de") == ("en", "ltr")


def test_what_was_typed_into_the_address_stays_when_a_language_is_chosen(visitor: Visitor):
    page = visitor.get("/p/pirate?question=Why+is+it+so%3F&domain=physics")
    chosen = visitor.submit(page, "/language", language="de")
    assert chosen.location == "/p/pirate?question=Why+is+it+so%3F&domain=physics"
    assert "Why is it so?</textarea>" in visitor.get(chosen.location).text


@pytest.mark.parametrize("language", ["fr", "../../etc", "", "de; Path=/x"])
def test_a_language_that_there_is_none_of_is_the_browsers_again(visitor: Visitor, language: str):
    visitor.submit(visitor.get("/"), "/language", language="ar")
    visitor.submit(visitor.get("/"), "/language", language=language)
    assert language_of(visitor, "de") == ("de", "ltr")
    visitor.client.set_cookie("language", language)
    assert language_of(visitor, "de") == ("de", "ltr")


def test_choosing_a_language_leads_to_no_other_site(visitor: Visitor):
    fields = hidden_fields(visitor.get("/"), "/language")
    for to in (
        "//elsewhere.example",
        "//elsewhere.example/?to=/p",
        "/\\elsewhere.example?x",
        "?x",
        "/p?\r\nx: y",
    ):
        data = fields | {"to": to, "language": "de"}
        assert visitor.client.post("/language", data=data).location == "/", to


def test_who_keeps_a_page_is_told_what_it_differs_by(visitor: Visitor):
    page = visitor.client.get("/history", headers={"Accept-Language": "de"})
    assert page.headers["Content-Language"] == "de"
    assert {"accept-language", "cookie"} <= {name.lower() for name in page.vary}
    asset = visitor.get("/static/style.css")
    assert "accept-language" not in {name.lower() for name in asset.vary}
    asset.close()


def test_a_name_that_is_read_the_other_way_leaves_the_sentence_as_it_stands(visitor: Visitor, clean: Engine):
    with session_scope(clean) as session:
        add_persona(session, slug="sindbad", display_name="سندباد (1)")
    assert "<h1>Ask \u2068سندباد (1)\u2069</h1>" in visitor.get("/p/sindbad").text  # noqa: RUF001
    assert "<h1>Ask Pirate</h1>" in visitor.get("/p/pirate").text
    arabic = visitor.client.get("/p/pirate", headers={"Accept-Language": "ar"})
    assert "<h1>اسأل \u2068Pirate\u2069</h1>" in arabic.text


def test_what_people_write_in_any_script_is_stored_as_typed_and_takes_its_own_direction(
    visitor: Visitor, clean: Engine
):
    typed = "لماذا؟ למה? क्यों? 为什么? e\u0301 ﬁ \u202eabc\u202c"
    path = visitor.answer_of(visitor.ask(question=typed))
    with session_scope(clean) as session:
        assert session.scalars(select(QuestionRow.text)).one() == typed
    page = visitor.get(path).text
    assert f'<h1 id="question" class="written" dir="auto">{typed}</h1>' in page
    fields = re.findall(r"<textarea[^>]*>", page)
    assert fields
    assert [field for field in fields if 'dir="auto"' not in field] == []
    corrected = f"{typed}\n\nשלום"  # noqa: RUF001
    visitor.submit(visitor.get(path), f"{path}/correct", text=corrected)
    with session_scope(clean) as session:
        assert session.scalars(select(CorrectionRow.text)).one() == corrected
