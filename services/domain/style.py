"""How an answer looks, whatever it says: length, lists, bold; and what is left of a difference without.

People prefer long and decorated answers. That an arm writes more of that is told apart from its saying
something better by a regression with looks as covariates, as Chatbot Arena does for pairs of answers (Li,
Angelopoulos & Chiang 2024, "Does style matter? Disentangling style and substance in Chatbot Arena").
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from services.domain.statistics import Floats

_ITEM = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+\S")
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*|__(?=\S)(.+?)(?<=\S)__")


@dataclass(frozen=True, slots=True)
class Style:
    """Of one text or the mean of several: words, the share of lines that are list items, of words in bold."""

    words: float
    list_share: float
    bold_share: float


def style_of(text: str) -> Style:
    lines = [line for line in text.splitlines() if line.strip()]
    words = len(text.split())
    bold = sum(len((first or second).split()) for first, second in _BOLD.findall(text))
    return Style(
        words=float(words),
        list_share=sum(bool(_ITEM.match(line)) for line in lines) / max(len(lines), 1),
        bold_share=min(1.0, bold / max(words, 1)),
    )


def mean_style(texts: Iterable[str]) -> Style:
    """Of the answers of one conversation; of none, that of an empty text."""
    styles = [style_of(text) for text in texts] or [style_of("")]
    return Style(
        words=sum(style.words for style in styles) / len(styles),
        list_share=sum(style.list_share for style in styles) / len(styles),
        bold_share=sum(style.bold_share for style in styles) / len(styles),
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference of means from 0 to 1, canary less champion, with its standard error."""

    difference: float
    standard_error: float

    @property
    def win_rate(self) -> float:
        """How often the canary's thumb would be up where the champion's is down, ties counted half."""
        return (1 + self.difference) / 2

    @property
    def is_up(self) -> bool:
        """Whether it is shown to be above nought at a risk of 2.5 %, looked at once."""
        return self.difference > 1.96 * self.standard_error


def adjusted(values: Floats, canary: Floats, weights: Floats, covariates: Floats) -> Estimate:
    """The arms' difference in `values` (n,) at equal `covariates` (n, features), by weighted least squares.

    `canary` (n,) is 1 or 0. The standard error holds for any variances (White 1980, Econometrica 48).
    A covariate that is the same everywhere, or told by others, takes no part.
    """
    standard = covariates - covariates.mean(axis=0)
    spread = standard.std(axis=0)
    standard = standard[:, spread > 1e-9] / spread[spread > 1e-9]
    design = np.column_stack([canary, np.ones(values.size), standard])
    bread = np.linalg.pinv(design.T @ (weights[:, None] * design))
    effects = bread @ (design.T @ (weights * values))
    scores = design * (weights * (values - design @ effects))[:, None]
    variance = (bread @ (scores.T @ scores) @ bread)[0, 0]
    return Estimate(float(effects[0]), math.sqrt(max(float(variance), 0.0)))


def covariates_of(styles: Iterable[Style]) -> Floats:
    """Covariates (n, 3) of conversations: the logarithm of words, lists, bold."""
    rows = [(math.log1p(style.words), style.list_share, style.bold_share) for style in styles]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)
