"""How long a regular expression may take: how many tests of single characters a text costs at the worst.

Python matches by trying one way after another, so `(a+)+$` takes for ever on a text that nearly fits. The
ways are counted from the pattern and the text's length alone, before anything is matched.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

_PROBE = 512  # characters of a text that every pattern must be quick on
_MOST_TESTS = 200 * _PROBE**2  # two open repeats, in a pattern of some length
_MOST_BITS = 64  # of a number of ways: more are as good as endless
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}
_AS_THEY_ARE = {"LITERAL", "NOT_LITERAL", "ANY", "IN", "AT"}
# The parser that compiles: what is counted is what will run. The typing stubs do not know it.
_parse: Any = vars(re)["_parser"].parse


def slow_pattern(pattern: str) -> str | None:
    """Why the pattern could take too long on a short answer, as half a sentence; None where it does not.

    Raises re.error for one that cannot be read, and OverflowError for a repeat that is too large.
    """
    tests = most_tests(pattern, _PROBE - 1)
    if tests is None:
        return (
            "it repeats what can match in several ways, or refers back: repeat single characters or classes"
        )
    if tests <= _MOST_TESTS:
        return None
    return "it has too many or too long open repeats: two are taken where it begins with ^, one elsewhere"


def most_tests(pattern: str, length: int) -> int | None:
    """Of single characters, for a text of so many, at the worst; None where they are as good as endless."""
    return _most_tests(pattern, 1 << length.bit_length())  # in few steps: the same ones are asked for again


@lru_cache(maxsize=1024)
def _most_tests(pattern: str, length: int) -> int | None:
    parsed = _parse(pattern)
    ways = _Counting(length).ways(parsed)
    if ways is None:
        return None
    first = str(parsed[0][0]) if len(parsed) else ""
    anchored = first == "AT" and str(parsed[0][1]).startswith("AT_BEGINNING")
    if not anchored or parsed.state.flags & re.MULTILINE:
        ways *= length  # it may begin anywhere
    # No class has more parts than the pattern has characters, and a repeat of a fixed count reads them anew.
    shortest: int = parsed.getwidth()[0]
    return ways * len(pattern) * (1 + min(shortest, length))


@dataclass(frozen=True, slots=True)
class _Counting:
    """In how many ways a part may match at one place of a text of this length, at most; None for too many."""

    length: int

    def ways(self, parsed: Any) -> int | None:  # noqa: ANN401  (the parser's own tree)
        found = [self._ways_of(str(name), argument) for name, argument in parsed]
        known = [ways for ways in found if ways is not None]
        ways = prod(known)
        return ways if len(known) == len(found) and ways.bit_length() <= _MOST_BITS else None

    def _ways_of(self, name: str, argument: Any) -> int | None:  # noqa: ANN401
        if name in _AS_THEY_ARE:
            return 1
        if name == "BRANCH":
            return self._either(argument[1])
        if name in {"SUBPATTERN", "ATOMIC_GROUP"}:
            return self.ways(argument[-1] if name == "SUBPATTERN" else argument)
        if name in {"ASSERT", "ASSERT_NOT"}:
            return self._looked(argument[-1])
        if name in _REPEATS:
            return self._repeated(*argument)
        return None  # what refers back to a group compares texts of any length, and nobody needs it here

    def _either(self, branches: Any) -> int | None:  # noqa: ANN401
        found = [self.ways(branch) for branch in branches]
        known = [ways for ways in found if ways is not None]
        return sum(known) if len(known) == len(found) else None

    def _looked(self, body: Any) -> int | None:  # noqa: ANN401
        """What looks around reads without getting on: its length counts as well."""
        ways = self.ways(body)
        return None if ways is None else ways * max(min(body.getwidth()[0], self.length), 1)

    def _repeated(self, least: int, most: int, body: Any) -> int | None:  # noqa: ANN401
        """So many ways for each count of repeats: where the body matches in one way, one for each count."""
        ways, most = self.ways(body), min(most, self.length)
        if ways is None or (ways > 1 and most > _MOST_BITS):
            return None
        empty = body.getwidth()[0] == 0  # what matches nothing is tried as often as it may be there
        return int(max(most - least + 1, 1) * ways**most * max(most * empty, 1))
