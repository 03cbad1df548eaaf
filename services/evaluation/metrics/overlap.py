"""How much of a reference is in an answer: exact match, a known fact, tokens, characters.

Token F1 is that of SQuAD's evaluation (Rajpurkar et al. 2016, arXiv:1606.05250).
"""

import re
import string
import unicodedata
from collections import Counter

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def exact_match(answer: str, reference: str) -> float:
    """1.0 when both are equal but for case and outer white space."""
    return float(answer.strip().lower() == reference.strip().lower())


def fact_hit(answer: str, answer_key: str) -> float:
    """1.0 when the normalised key occurs in the normalised answer as whole words."""
    return float(f" {_normalised(answer_key)} " in f" {_normalised(answer)} ")


def character_jaccard(answer: str, reference: str) -> float:
    """Shared characters over all characters of both texts, as sets, without case; 1.0 for two empty texts."""
    left, right = set(answer.lower()), set(reference.lower())
    return len(left & right) / len(left | right) if left | right else 1.0


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


def _normalised(text: str) -> str:
    """Case, accents' composition, punctuation and articles do not decide whether a fact is there."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = re.sub(r"[^\w]+", " ", folded).split()
    return " ".join(word for word in words if word not in {"a", "an", "the"})
