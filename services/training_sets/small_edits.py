"""Which prompts differ by typos and one word only, told from marks of their leading words.

A word's mark is 64 bits, so that prompts are compared as arrays and marks can be stored beside a signature.
Normalising the text and finding which prompts to compare is `deduplication`'s.
"""

import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LEADING_WORDS = 32

# A word's mark, from the lowest bit: which letters it has an odd number of, its first letter, its length; or,
# below the highest bit, a checksum.
_LETTERS = 26
_CODE_POINT = 21
_LONGEST = 0xFFFF
_COMPARED_WHOLE = 1 << 63


def leading_words(normalised: list[str]) -> NDArray[np.uint64]:
    """Marks (n, LEADING_WORDS) of the first words of each text, 0 where no word is."""
    words = np.zeros((len(normalised), LEADING_WORDS), dtype=np.uint64)
    for row, text in zip(words, normalised, strict=True):
        marks = [_mark(word) for word in text.split(maxsplit=LEADING_WORDS)[:LEADING_WORDS]]
        row[: len(marks)] = marks
    return words


@lru_cache(maxsize=65_536)
def _mark(word: str) -> int:
    """A word in 64 bits, never 0, in which a letter added, lost or exchanged changes at most two of the
    lowest _ODD_LETTERS; a checksum of the word where anything but letters is in it.
    """
    if not word.isalpha():
        return _COMPARED_WHOLE | zlib.crc32(word.encode("utf-8", "surrogatepass"))
    odd = 0
    for letter in word:
        odd ^= 1 << ord(letter) % _LETTERS
    length = min(len(word), _LONGEST)
    return length << _LETTERS + _CODE_POINT | ord(word[0]) << _LETTERS | odd


def small_edits(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether the words are the same in their order but for typos and one word more on either side."""
    same = _same_words(left, right)
    equal_until = np.where(same.all(axis=1), LEADING_WORDS, same.argmin(axis=1))
    skipped_left = _last_difference(_same_words(left[:, 1:], right[:, :-1]))
    skipped_right = _last_difference(_same_words(left[:, :-1], right[:, 1:]))
    return np.minimum(skipped_left, skipped_right) < equal_until


def _last_difference(same: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The last place where words differ, -1 where none does."""
    places: NDArray[np.int64] = np.where(same, -1, np.arange(same.shape[1])).max(axis=1)
    return places


def _same_words(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Equal, or one letter added or lost, or one exchanged or two swapped after the first.

    Short words differ too easily: one exchanged letter is another word below five, one added below three.
    """
    changed = left ^ right
    odd = np.bitwise_count(changed & np.uint64((1 << _LETTERS) - 1))
    first = changed >> np.uint64(_LETTERS) & np.uint64((1 << _CODE_POINT) - 1) == 0
    one, other = (words >> np.uint64(_LETTERS + _CODE_POINT) for words in (left, right))
    shorter, longer = np.minimum(one, other), np.maximum(one, other)
    exchanged = first & (shorter == longer) & (odd == 2) & (shorter >= np.uint64(5))
    added_or_lost = (longer - shorter == 1) & (odd == 1) & (shorter >= np.uint64(2))
    swapped = first & (shorter == longer) & (odd == 0)
    letters = (shorter > 0) & (longer <= np.uint64(_LONGEST))
    same: NDArray[np.bool_] = (left == right) | (letters & (swapped | exchanged | added_or_lost))
    return same
