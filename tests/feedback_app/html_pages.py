"""Pages as a browser reads them: parsed by the algorithm of the HTML standard, whatever stands in them."""

from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

_TEXT, _COMMENT = "-text", "-comment"
_RAW = frozenset({"script", "style"})


def parsed(page: str) -> LexborNode:
    root = LexborHTMLParser(page).root
    assert root is not None
    return root


def skeleton(page: LexborNode) -> list[str]:
    """Every element with the names of its attributes, in the page's order: all that a text could not add."""
    return [f"{node.tag} {sorted(node.attributes)}" for node in _nodes(page) if node.tag != _TEXT]


def shown(page: LexborNode) -> list[str]:
    """Each text of the page and each value of an attribute, as they are after parsing."""
    found: list[str] = []
    for node in _nodes(page):
        if node.tag != _TEXT:
            found += [value or "" for value in node.attributes.values()]
        elif node.parent is None or node.parent.tag not in _RAW:
            found.append(node.text_content or "")
    return found


def _nodes(root: LexborNode) -> Iterator[LexborNode]:
    return (node for node in root.traverse(include_text=True) if node.tag != _COMMENT)
