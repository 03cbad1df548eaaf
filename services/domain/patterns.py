"""How long a regular expression may take: which ones are quick on any text of up to LONGEST.

Python matches by trying one way after another, so `(a+)+$` takes for ever on a text that nearly fits. The
ways are counted from the pattern alone: the same one is always taken or always refused, whatever the text.
"""

import re
from math import prod
from typing import Any

LONGEST = 20_000  # characters of a text that is matched at all: as many as a person may write for an answer
_MOST_WAYS = 4 * LONGEST**2  # seconds, at the worst
_MOST_BITS = 64  # of a number of ways: more are as good as endless
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}
_AS_THEY_ARE = {"LITERAL", "NOT_LITERAL", "ANY", "IN", "AT"}
# The parser that compiles: what is counted is what will run. The typing stubs do not know it.
_parse: Any = vars(re)["_parser"].parse


def slow_pattern(pattern: str) -> str | None:
    """Why the pattern could take too long on some answer, as half a sentence; None where it never does.

    Raises re.error for one that cannot be read, and OverflowError for a repeat that is too large.
    """
    parsed = _parse(pattern)
    ways = _ways(parsed)
    if ways is None:
        return (
            "it repeats what can match in several ways, or refers back: repeat single characters or classes"
        )
    first = str(parsed[0][0]) if len(parsed) else ""
    anchored = first == "AT" and str(parsed[0][1]).startswith("AT_BEGINNING")
    if not anchored or parsed.state.flags & re.MULTILINE:
        ways *= LONGEST  # it may begin anywhere
    if ways <= _MOST_WAYS:
        return None
    return "it has too many open repeats: two are taken where it begins with ^, one elsewhere"


def _ways(parsed: Any) -> int | None:  # noqa: ANN401  (the parser's own tree)
    """In how many ways a part may match at one place of the longest text, at most; None for too many."""
    found = [_ways_of(str(name), argument) for name, argument in parsed]
    known = [ways for ways in found if ways is not None]
    ways = prod(known)
    return ways if len(known) == len(found) and ways.bit_length() <= _MOST_BITS else None


def _ways_of(name: str, argument: Any) -> int | None:  # noqa: ANN401
    if name in _AS_THEY_ARE:
        return 1
    if name == "BRANCH":
        return _either(argument[1])
    if name in {"SUBPATTERN", "ATOMIC_GROUP"}:
        return _ways(argument[-1] if name == "SUBPATTERN" else argument)
    if name in {"ASSERT", "ASSERT_NOT"}:
        return _looked(argument[-1])
    if name in _REPEATS:
        return _repeated(*argument)
    return None  # what refers back to a group compares texts of any length, and nobody needs it here


def _either(branches: Any) -> int | None:  # noqa: ANN401
    found = [_ways(branch) for branch in branches]
    known = [ways for ways in found if ways is not None]
    return sum(known) if len(known) == len(found) else None


def _looked(body: Any) -> int | None:  # noqa: ANN401
    """What looks around reads without getting on: its length counts as well."""
    ways = _ways(body)
    return None if ways is None else ways * max(min(body.getwidth()[0], LONGEST), 1)


def _repeated(least: int, most: int, body: Any) -> int | None:  # noqa: ANN401
    """So many ways for each count of repeats: where the body matches in one way, one for each count."""
    ways, most = _ways(body), min(most, LONGEST)
    if ways is None or (ways > 1 and most > _MOST_BITS):
        return None
    empty = body.getwidth()[0] == 0  # what matches nothing is tried as often as it may be there
    return int(max(most - least + 1, 1) * ways**most * max(most * empty, 1))
