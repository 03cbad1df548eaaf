"""Pages as a browser reads them: parsed by the algorithm of the HTML standard, whatever stands in them."""

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

import html5lib

_RAW = frozenset({"script", "style"})


def parsed(page: str) -> Element:
    root: Any = html5lib.parse(page, namespaceHTMLElements=False)
    return root


def skeleton(page: str) -> list[str]:
    """Every element with the names of its attributes, in the page's order: all that a text could not add."""
    return [f"{element.tag} {sorted(element.attrib)}" for element in _elements(parsed(page))]


def shown(page: str) -> list[str]:
    """Each text of the page and each value of an attribute, as they are after parsing."""
    found: list[str] = []
    for element in _elements(parsed(page)):
        found += element.attrib.values()
        found += [] if element.tag in _RAW else [element.text or ""]
        found.append(element.tail or "")
    return found


def texts(page: str, **attributes: str) -> list[str]:
    """The whole text within each element that has these attributes."""
    return [
        "".join(element.itertext())
        for element in _elements(parsed(page))
        if all(element.get(name) == value for name, value in attributes.items())
    ]


def _elements(root: Element) -> Iterator[Element]:
    return (element for element in root.iter() if isinstance(element.tag, str))
