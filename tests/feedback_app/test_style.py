"""The stylesheet lays out what the pages have."""

import re

from services.settings import ROOT

APP = ROOT / "feedback_app"


def test_every_id_that_is_styled_is_on_a_page():
    sheet = (APP / "static" / "style.css").read_text(encoding="utf-8")
    styled = re.findall(r"#([a-z][\w-]*)(?=[^;{}]*\{)", sheet)
    pages = "".join(page.read_text(encoding="utf-8") for page in (APP / "templates").glob("*.html"))

    assert styled
    assert [name for name in styled if f'id="{name}"' not in pages] == []
