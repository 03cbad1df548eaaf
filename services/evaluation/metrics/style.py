"""The persona-style hit rate: whether an answer has a word that its persona or its audience calls for.

Rate and marker groups are the ones that the persona-adaptive question-answering project measured (14 % before
its change of generation settings, 67 % after).
"""

import re
from collections.abc import Sequence

MARKER_GROUPS = {
    "explanatory": ("because", "for example", "such as", "this means"),
    "technical": ("optimization", "methodology", "algorithm", "framework"),
    "educational": ("demonstrates", "indicates", "important", "consider"),
    "reasoning": ("while", "however", "therefore", "consequently"),
}
_AUDIENCE_GROUPS = (
    ("student", ("explanatory", "educational")),
    ("general reader", ("explanatory", "educational")),
    ("scientist", ("technical", "educational")),
    ("professional", ("technical", "educational")),
    ("educator", ("educational", "reasoning")),
)


def style_hit(answer: str, audience: str, *, markers: Sequence[str]) -> float:
    """1.0 when a marker occurs: the persona's own where it has some, else one of the audience's groups."""
    wanted = markers or [marker for group in marker_groups(audience) for marker in MARKER_GROUPS[group]]
    return float(any(_contains(answer, marker) for marker in wanted))


def marker_groups(audience: str) -> tuple[str, ...]:
    """The groups that suit an audience ("computer scientist" counts as scientist); all for an unknown one."""
    for word, groups in _AUDIENCE_GROUPS:
        if word in audience.casefold():
            return groups
    return tuple(MARKER_GROUPS)


def _contains(answer: str, marker: str) -> bool:
    pattern = r"\s+".join(re.escape(word) for word in marker.casefold().split())
    return re.search(rf"(?<!\w){pattern}(?!\w)", answer.casefold()) is not None
