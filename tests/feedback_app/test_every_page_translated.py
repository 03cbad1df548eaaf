"""Every page of the app says all it says in the language of who reads it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text

from services.adapters.promotions import find_persona
from services.db.account_tables import AccountRow
from services.db.base import Base
from services.db.session import session_scope
from services.domain.feedback import RaterId
from services.feedback.agreements import WORDING, agree
from tests.feedback_app.conftest import Visitor
from tests.feedback_app.every_page import NAME, fill, pages
from tests.feedback_app.pseudo_language import LANGUAGE, Untranslated, write_bracketed

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
    at = datetime.now(UTC)
    with session_scope(clean) as session:
        filled = fill(session, find_persona(session, "pirate"), at=at)
        rater = RaterId(session.scalars(select(AccountRow.rater_id)).one())
        agree(session, rater=rater, wording=WORDING, at=at)
    visitor.sign_in(name=NAME)
    addresses = [filled.path(bracketed, rule) for rule in pages(bracketed)]
    assert len(addresses) > 20
    data, left = NAMES | PACKED | words_of(clean), {}
    for address in addresses:
        page = visitor.get(address)
        assert page.status_code == 200, (address, page.text)
        seen = Untranslated()
        seen.feed(page.text)
        assert f'lang="{LANGUAGE}"' in page.text
        left |= {address: sorted(seen.words() - data)} if seen.words() - data else {}
    assert left == {}, "say it by gettext, or mark it as the services' English (lang=en)"


def words_of(engine: Engine) -> set[str]:
    """Every word that is stored anywhere: what people, models and commands wrote."""
    with engine.connect() as connection:
        rows = [
            str(row)
            for table in Base.metadata.sorted_tables
            for row in connection.execute(text(f'SELECT * FROM "{table.name}"'))  # noqa: S608 - our own tables
        ]
    return {word for row in rows for word in re.findall(r"[A-Za-z]{2,}", row)}
