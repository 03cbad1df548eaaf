"""One person's browser, over HTTP: keeps cookies, reads pages and sends the forms it finds in them.

What people ask and what they think of it is `raters`; many quick asks for measuring are `steady_load`.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self

import httpx

from services.errors.outages import VisitFailed

PATIENCE_S = 120.0  # for one answer, which may have to wait for its turn

Attributes = list[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Page:
    """What a visitor needs of a page: hidden fields by the address of their form, question and answer.

    The box that agrees to what is kept is among the fields: it is ticked wherever there is one.

    `peer` is the address of somebody else's answer that the page offers to rate; empty when it offers none.
    """

    path: str
    forms: dict[str, dict[str, str]]
    question: str
    answer: str
    peer: str


class Visitor:
    """Every method raises VisitFailed when the app does not answer as it answers people."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(
            base_url=address,
            follow_redirects=True,
            timeout=PATIENCE_S,
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=1.0),  # before gunicorn gives an idle one up, at 2 s
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self, persona: str, question: str, *, domain: str, audience: str) -> Page:
        """The page of the answer."""
        form = self._get(f"/p/{persona}")
        return self._send(
            form, f"/p/{persona}/ask", question=question, domain=domain, audience=audience, context=""
        )

    def rate(self, page: Page, stars: int) -> Page:
        return self._send(page, f"{page.path}/rate", stars=str(stars))

    def open_peer(self, page: Page) -> Page:
        """Somebody else's answer, which the page offered."""
        return self._get(page.peer)

    def correct(self, page: Page, text: str) -> Page:
        return self._send(page, f"{page.path}/correct", text=text)

    def _get(self, path: str) -> Page:
        return self._read(self._request("GET", path))

    def _send(self, page: Page, action: str, **fields: str) -> Page:
        if action not in page.forms:
            raise VisitFailed(f"POST {action}", reason="the page has no such form")
        return self._read(self._request("POST", action, data=page.forms[action] | fields))

    def _request(self, method: str, path: str, *, data: dict[str, str] | None = None) -> httpx.Response:
        try:
            response = self._http.request(method, path, data=data)
        except httpx.HTTPError as error:
            raise VisitFailed(f"{method} {path}", reason=str(error) or type(error).__name__) from error
        if response.status_code != httpx.codes.OK:
            wait = response.headers.get("Retry-After", "")
            raise VisitFailed(
                f"{method} {path}",
                reason=f"status {response.status_code}",
                retry_after_s=int(wait) if wait.isdecimal() else None,
            )
        return response

    def _read(self, response: httpx.Response) -> Page:
        reader = _Reader()
        reader.feed(response.text)
        return Page(
            path=response.url.path,
            forms=reader.forms,
            question="".join(reader.question).strip(),
            answer="".join(reader.answer).strip(),
            peer=reader.peer,
        )


@dataclass
class _Reader(HTMLParser):
    forms: dict[str, dict[str, str]] = field(default_factory=dict)
    question: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)
    peer: str = ""
    _form: dict[str, str] = field(default_factory=dict)
    _reading: list[str] | None = None  # where text belongs at the moment

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = self.forms.setdefault(given.get("action", ""), {})
        elif tag == "input" and (given.get("type") == "hidden" or given.get("name") == "agreed"):
            self._form[given["name"]] = given["value"]
        elif given.get("href", "").startswith("/peers/"):
            self.peer = given["href"]
        elif given.get("id") in ("question", "answer-text"):
            self._reading = self.question if given["id"] == "question" else self.answer

    def handle_endtag(self, tag: str) -> None:
        if tag in ("p", "h1"):
            self._reading = None

    def handle_data(self, data: str) -> None:
        if self._reading is not None:
            self._reading.append(data)
