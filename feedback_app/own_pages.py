"""Addresses that a form brings along: only a page of this site is gone on to."""

import re

_OWN_PAGE = re.compile(r"(/[\w-]+)+(\?[!-~]*)?", re.ASCII)


def own_page(to: str) -> str:
    """A page of this site with its query, or nothing: no form leads elsewhere."""
    return to if _OWN_PAGE.fullmatch(to) else ""
