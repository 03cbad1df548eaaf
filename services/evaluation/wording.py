"""How what was measured reads on pages and in report files: titles of metrics, versions, slices, figures.

Policies, commands and tables say the metrics' names.
"""

import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

from services.domain.promotions import BASE_VERSION

TITLES = {
    "exact_match": "exact answers",
    "fact_hit": "right facts",
    "character_jaccard": "letters shared with the reference",
    "style_hit": "answers in style",
    "answer_words": "words an answer",
    "short_share": "answers under ten words",
    "accuracy": "right options",
    "token_f1": "words shared with the reference",
    "format_validity": "answers in the format",
    "held_out_loss": "loss on answers kept out",
    "perplexity": "perplexity of answers kept out",
    "semantic_similarity": "meaning shared with the reference",
    "adherence": "answers like this persona's",
    "adherence_auc": "this persona told from the others",
    "repetition": "repeated phrases",
    "distinct_1": "different words",
    "distinct_2": "different pairs of words",
    "reward_accuracy": "better answers held more likely",
    "judged_better": "judged better by a model",
    "general_ability": "general ability",
    "safety": "safety",
}

_RUN_NAME = re.compile(r"(\w+__)(\d{4}-\d\d-\d\d)(T\d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d:\d\d)?")


def title_of(metric: str) -> str:
    """The words for a metric; its name, readable, for one that only an older release measured."""
    return TITLES.get(metric, metric.replace("_", " "))


def slice_in_words(name: str) -> str:
    """`audience: student`, as reports name a slice, or the words that a check gives it."""
    return name.replace(":", ": ", 1)


def version_in_words(version: int | None) -> str:
    """`v3` or `the plain base`; empty for none."""
    if version is None:
        return ""
    return "the plain base" if version == BASE_VERSION else f"v{version}"


def figure(value: float | None) -> str:
    """Three digits; a dash where there is no finite number."""
    return "—" if value is None else f"{value:.3f}"


def signed(value: float) -> str:
    return f"{value:+.2f}"


def breakable(text: str) -> Markup:
    """A text for a narrow page: the name of a run in it, `manual__2026-11-21T17:38:54.902497+00:00`, breaks
    between its parts alone.
    """
    return Markup(_RUN_NAME.sub(_in_parts, str(escape(text))))  # noqa: S704 - escaped


def _in_parts(name: re.Match[str]) -> str:
    return "<wbr>".join(f'<span class="whole">{part}</span>' for part in name.groups() if part)


def moment(at: datetime) -> str:
    """`21 November 2026, 00:05 UTC`."""
    in_utc = at.astimezone(UTC)
    return f"{in_utc.day} {in_utc:%B %Y, %H:%M} UTC"


def instant(at: datetime) -> str:
    """As `moment`, to the second: `21 November 2026, 00:05:09 UTC`."""
    in_utc = at.astimezone(UTC)
    return f"{in_utc.day} {in_utc:%B %Y, %H:%M:%S} UTC"
