"""Token F1 of a short answer, as SQuAD's evaluation defines it (Rajpurkar et al. 2016, arXiv:1606.05250)."""

import re
import string
from collections import Counter

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def token_f1(answer: str, reference: str) -> float:
    """Harmonic mean of precision and recall over the words of both, as bags; 1.0 for two texts without any.

    Case, ASCII punctuation, English articles and spaces do not count. Scripts that write no spaces between
    words are one word a text.
    """
    said, wanted = _words(answer), _words(reference)
    if not said or not wanted:
        return float(said == wanted)
    shared = sum((Counter(said) & Counter(wanted)).values())
    return 2 * shared / (len(said) + len(wanted))


def _words(text: str) -> list[str]:
    return _ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split()
