"""Every test that the documentation names is there."""

import re

from services.settings import ROOT

NAMED = re.compile(r"`(test_\w+)`")
DEFINED = re.compile(r"^def (test_\w+)\(", re.MULTILINE)


def test_every_test_that_is_told_of_is_there():
    told = {name for path in ROOT.glob("docs/*.md") for name in NAMED.findall(path.read_text("utf-8"))}
    there = {name for path in ROOT.glob("tests/**/*.py") for name in DEFINED.findall(path.read_text("utf-8"))}
    assert len(told) >= 10
    assert told - there == set()
