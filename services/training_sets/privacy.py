"""Masking what is private in a text before it is frozen into a training set, and counting it by kind.

Found are e-mail addresses, telephone numbers, payment cards, IBANs, IP addresses, credentials in URLs, keys
and tokens (`recognisers`). Names of people, postal addresses and dates of birth are out of scope: finding
them takes a model. A local number without its area code, and one written as nothing but digits that do not
start with 0, stay: nothing tells them from quantities.

The recognisers are those of detect-secrets, python-phonenumbers and python-stdnum rather than Presidio's,
because Presidio knows no keys, imports spaCy (2 s), asks the network for a list of domains when it sees an
e-mail address, and takes telephone numbers from python-phonenumbers itself.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from services.training_sets import recognisers


class PrivateKind(StrEnum):
    """What was found; its value in brackets stands in the text instead."""

    EMAIL = "e-mail"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    IP_ADDRESS = "ip-address"
    CREDENTIALS = "credentials"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with placeholders such as `[e-mail]`, and how many of each kind were put in."""

    text: str
    counts: Mapping[PrivateKind, int]


@dataclass(frozen=True, slots=True)
class _Finding:
    start: int
    end: int
    kind: PrivateKind

    @property
    def length(self) -> int:
        return self.end - self.start


_NOTHING: Mapping[PrivateKind, int] = MappingProxyType({})
# A look at a text for what all findings of some kinds have spares most texts the recognisers.
_DIGIT = re.compile(r"\d")
_NUMBERS = re.compile(
    r"\d(?:[ \t\u00a0().\-/\u2013]{0,3}\d){6}|\d\.\d{1,3}\.\d{1,3}\.\d|:[\dA-Fa-f]{0,4}:[\dA-Fa-f]"
)
_PRIVATE_KEY = "PRIVATE KEY"
_TOKENS = re.compile(rf"[A-Za-z0-9_-]{{20}}|{_PRIVATE_KEY}|(?:[bB]earer|BEARER)\s")

_Recogniser = tuple[PrivateKind, Callable[[str], Iterator[recognisers.Span]]]
_AFTER_AT: tuple[_Recogniser, ...] = (
    (PrivateKind.CREDENTIALS, recognisers.credentials),
    (PrivateKind.EMAIL, recognisers.emails),
)
_IN_NUMBERS: tuple[_Recogniser, ...] = (
    (PrivateKind.IBAN, recognisers.ibans),
    (PrivateKind.CARD, recognisers.cards),
    (PrivateKind.IP_ADDRESS, recognisers.ip_addresses),
    (PrivateKind.PHONE, recognisers.phones),
)
_IN_TOKENS: tuple[_Recogniser, ...] = ((PrivateKind.KEY, recognisers.keys),)


def mask(text: str) -> Masked:
    """The text without what is private, itself where nothing is; masking again changes nothing."""
    found = _find(text)
    if not found:
        return Masked(text, _NOTHING)
    counts: Counter[PrivateKind] = Counter()
    masked = text
    # Again until nothing is found: a placeholder may end what hid its neighbour.
    while findings := _resolve(found):
        counts.update(finding.kind for finding in findings)
        masked = _replace(masked, findings)
        found = _find(masked)
    return Masked(masked, counts)


def _find(text: str) -> list[_Finding]:
    tried: list[_Recogniser] = []
    if "@" in text:
        tried += _AFTER_AT
    if _DIGIT.search(text):
        if _NUMBERS.search(text):
            tried += _IN_NUMBERS
        if _TOKENS.search(text):
            tried += _IN_TOKENS
    elif _PRIVATE_KEY in text:
        tried += _IN_TOKENS
    return [_Finding(*span, kind) for kind, recognise in tried for span in recognise(text)]


def _resolve(findings: list[_Finding]) -> list[_Finding]:
    """Overlapping findings become one that covers them all and has the kind of the longest."""
    resolved: list[_Finding] = []
    longest = 0
    for finding in sorted(findings, key=lambda one: (one.start, -one.end)):
        if not resolved or finding.start >= resolved[-1].end:
            resolved.append(finding)
            longest = finding.length
            continue
        last = resolved[-1]
        kind = finding.kind if finding.length > longest else last.kind
        longest = max(longest, finding.length)
        resolved[-1] = _Finding(last.start, max(last.end, finding.end), kind)
    return resolved


def _replace(text: str, findings: list[_Finding]) -> str:
    parts: list[str] = []
    position = 0
    for finding in findings:
        parts += (text[position : finding.start], f"[{finding.kind}]")
        position = finding.end
    return "".join((*parts, text[position:]))
