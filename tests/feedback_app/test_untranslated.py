"""No template says a word that is not to be translated, in no branch, whether a test shows it or not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import nodes

from services.settings import ROOT

TEMPLATES = sorted((ROOT / "feedback_app" / "templates").glob("*.html"))

# What is the same in every language.
_NAMES = re.compile(r"persona-loop|\bUTC\b|\bSVG\b|\bJSON\b|&\w+;")
_QUIET = re.compile(r"<(style|code|svg|script)\b.*?</\1>|<!--.*?-->|<!doctype[^>]*>", re.DOTALL)
_SAID = re.compile(r'\b(?:aria-label|title|placeholder|alt|data-waiting)="([^"]*)"')
_ATTRIBUTE = re.compile(r'[\w-]+="[^"]*"')  # of a macro that is called within a tag
_TAG = re.compile(r"<[^>]*>")
_WORD = re.compile(r"[^\W\d_]{2,}")
_HOLE = "\0"  # where an expression stands


def written(tree: nodes.Template) -> str:
    """What a template itself puts on the page, whichever branch is taken, with holes for what is put in."""
    pieces = [piece for output in tree.find_all(nodes.Output) for piece in output.nodes]
    return "".join(
        piece.data if isinstance(piece, nodes.TemplateData) else _HOLE.join((*chosen(piece), ""))
        for piece in pieces
    )


def chosen(node: nodes.Node) -> Iterator[str]:
    """The constants that an expression may come to, but for what is asked of gettext."""
    match node:
        case nodes.Const(value=str(value)):
            yield value
        case nodes.CondExpr(expr1=one, expr2=other):
            yield from chosen(one)
            if other is not None:
                yield from chosen(other)
        case nodes.Concat(nodes=parts):
            for part in parts:
                yield from chosen(part)
        case nodes.Or(left=left, right=right):
            yield from chosen(left)
            yield from chosen(right)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_says_nothing_but_through_gettext(app: Flask, path: Path):
    source = path.read_text(encoding="utf-8")
    tree = app.jinja_env.parse(source)
    markup = _QUIET.sub("", written(tree))
    said = [_ATTRIBUTE.sub("", _TAG.sub(" ", markup)), *_SAID.findall(markup)]
    words = [word for text in said for word in _WORD.findall(_NAMES.sub("", text))]
    assert words == [], f"say it by _() or a trans block: {' '.join(words)}"
