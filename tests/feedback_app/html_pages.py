"""Pages as a browser reads them: parsed by the algorithm of the HTML standard, whatever stands in them."""

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

import html5lib

_RAW = frozenset({"script", "style"})


def parsed(page: str) -> Element:
    root: Any = html5lib.parse(page, namespaceHTMLElements=False)
    return root


def skeleton(page: Element) -> list[str]:
    """Every element with the names of its attributes, in the page's order: all that a text could not add."""
    return [f"{element.tag} {sorted(element.attrib)}" for element in _elements(page)]


def shown(page: Element) -> list[str]:
    """Each text of the page and each value of an attribute, as they are after parsing."""
    found: list[str] = []
    for element in _elements(page):
        found += element.attrib.values()
        found += [] if element.tag in _RAW else [element.text or ""]
        found.append(element.tail or "")
    return found


def _elements(root: Element) -> Iterator[Element]:
    return (element for element in root.iter() if isinstance(element.tag, str))
