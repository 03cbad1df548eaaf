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


def test_nothing_is_laid_out_by_left_and_right_so_that_pages_mirror():
    """But what says of itself that it is for one direction."""
    sheet = (APP / "static" / "style.css").read_text(encoding="utf-8")
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", sheet)
    physical = re.compile(
        r"(?<![\w-])(?:[\w-]+-)?(?:left|right)\s*:|(?:text-align|float|clear):\s*(?:left|right)"
    )
    assert len(rules) > 100
    assert [(where, what) for where, what in rules if physical.search(what) and "[dir=" not in where] == []
