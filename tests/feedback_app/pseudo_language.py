"""A language whose every sentence is the English one in brackets: what a page says outside of them, nobody
translates.
"""

import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import write_po

from services.settings import ROOT

APP = ROOT / "feedback_app"
LANGUAGE = "el"  # in which no name of a month is in Latin letters

_SPOKEN = {"aria-label", "title", "placeholder", "alt", "data-waiting"}
_SILENT = {"script", "style", "code", "kbd", "svg"}
_VOID = {"meta", "link", "img", "input", "br", "wbr", "source", "hr"}
_OPEN, _CLOSE = "⟦", "⟧"


def said_by_the_app() -> Iterator[tuple[str, ...]]:
    """Every sentence as `make messages` finds it; of a plural, both its forms."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    mappings = project["tool"]["babel"]["mappings"]
    found = extract_from_dir(
        APP,
        method_map=[(each["pattern"], each["method"]) for each in mappings],
        options_map={each["pattern"]: each for each in mappings},
        keywords={**DEFAULT_KEYWORDS, "lazy_gettext": None},
    )
    for _, _, message, _, _ in found:
        yield (message,) if isinstance(message, str) else tuple(message)


def write_bracketed(folder: Path) -> None:
    catalogue = Catalog(locale=LANGUAGE)
    for forms in said_by_the_app():
        bracketed = tuple(f"{_OPEN}{form}{_CLOSE}" for form in forms)
        catalogue.add(forms if len(forms) > 1 else forms[0], bracketed if len(forms) > 1 else bracketed[0])
    (folder / LANGUAGE).mkdir()
    with (folder / LANGUAGE / "messages.po").open("wb") as file:
        write_po(file, catalogue)


class Untranslated(HTMLParser):
    """Collects what a page says outside of brackets: text and what a screen reader is told.

    Code and what says of itself that it is in English are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._spoken: list[str] = []
        self._open: list[bool] = []  # of each element around, whether it is silent

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if any(self._open):
            self._open += [] if tag in _VOID else [True]
            return
        self._spoken += [value or "" for name, value in attrs if name in _SPOKEN]
        if tag not in _VOID:
            in_english = given.get("lang") not in {None, LANGUAGE}
            self._open.append(tag in _SILENT or in_english or given.get("name") == "language")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._open):
            self.pieces.append(data)

    def words(self) -> set[str]:
        left = [_outside(" ".join(self.pieces)), *map(_outside, self._spoken)]
        return {word for text in left for word in re.findall(r"[A-Za-z]{2,}", text)}


def _outside(text: str) -> str:
    innermost = re.compile(f"{_OPEN}[^{_OPEN}{_CLOSE}]*{_CLOSE}")
    while innermost.search(text):
        text = innermost.sub(" ", text)
    return text
