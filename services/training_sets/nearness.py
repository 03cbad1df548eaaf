"""Which rows of a training set are nearest to a question: by shared words, the rarer the more they count."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

_WORD = re.compile(r"\w+")


def nearest(rows: Iterable[dict[str, Any]], question: str, *, count: int) -> list[dict[str, Any]]:
    """The `count` rows whose question shares most with this one, weighed by inverse document frequency.

    The weight of a word is that of Spärck Jones (1972), log(rows / rows with the word). Rows are held in
    memory while they are compared.
    """
    known = list(rows)
    wanted = _words(question)
    words = [_words(row["messages"][-1]["content"]) & wanted for row in known]
    seen = Counter(word for shared in words for word in shared)
    weight = {word: math.log(len(known) / number) + 1e-9 for word, number in seen.items()}
    scored = [(sum(weight[word] for word in shared), place) for place, shared in enumerate(words)]
    best = sorted(scored, key=lambda entry: (-entry[0], entry[1]))[:count]
    return [known[place] for score, place in best if score > 0]


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))
