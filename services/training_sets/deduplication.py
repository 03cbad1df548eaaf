"""Near-duplicate prompts: signatures that can be stored and indexed, and the clusters they form.

Two prompts are near duplicates when MinHash finds their shingles alike *and* their leading words differ
by nothing but typos and one word more or less. MinHash alone cannot tell "the capital of Austria" from
"the capital of Albania": of short questions made from templates every fifth would join another's
cluster. What this cannot see: paraphrases, translations, words in another order, two words added, a typo
that joins two words. What it takes for a typo and is none: long words one letter apart (Ireland, Iceland).

Signatures are the same in every process and on every machine. Storing them, the split of a cluster and
the quarantine of bridges are others' work. MinHash is Broder's (1997, "On the resemblance and containment
of documents"); rensa computes it because it is many times as fast as datasketch and misses fewer.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from services.training_sets.small_edits import LEADING_WORDS, leading_words, small_edits

# Characters, not words: one typo in a question of eight words costs a quarter of its words and an eighth of
# its triples of characters. Three, because three code points of 21 bits fit into one integer.
SHINGLE_CHARACTERS = 3
# Sixteen bands of four 16-bit values: a pair at 0.75 shares a band with probability 0.998, at 0.3 with 0.12,
# and one band is exactly one BIGINT.
BANDS = 16
VALUES_PER_BAND = 4
PERMUTATIONS = BANDS * VALUES_PER_BAND
SEED = 1
# Stored signatures of another version must be computed again: never compare the two.
SIGNATURE_VERSION = f"rensa{RMinHash.ALGORITHM_VERSION}-char{SHINGLE_CHARACTERS}-{BANDS}x{VALUES_PER_BAND}"

# Where both prompts end within the words compared one by one, those decide and similarity only has to exclude
# chance; where they go on, similarity stands in for the words nobody compares.
SHORT_THRESHOLD = 0.6
LONG_THRESHOLD = 0.8

_CHUNK = 512  # prompts signed or pairs compared at once; their numbers pass through Python as objects
# In a bucket of many different prompts each is compared with this many neighbours, so that the work stays
# linear; buckets are sorted differently in each band, so that neighbours differ too.
_NEIGHBOURS = 16
_OPERATORS = frozenset("+-*/%")  # of arithmetic: they carry meaning where other punctuation does not


@dataclass(frozen=True, slots=True)
class Signatures:
    """Many prompts: `bands` int64 (n, BANDS), their leading `words` uint64 one prompt after another.

    Bands hold the MinHash values themselves, and near duplicates share one; words verify candidates. `starts`
    (n + 1,) says where each prompt's words begin; there are at most LEADING_WORDS of them.
    """

    bands: NDArray[np.int64]
    words: NDArray[np.uint64]
    starts: NDArray[np.int64]

    def words_of(self, prompt: int) -> NDArray[np.uint64]:
        return self.words[self.starts[prompt] : self.starts[prompt + 1]]

    def leading(self, prompts: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The words of some prompts, (prompts, LEADING_WORDS), 0 where no word is."""
        places = self.starts[prompts, None] + np.arange(LEADING_WORDS)
        known = places < self.starts[prompts + 1, None]
        return np.where(known, self.words.take(places, mode="clip"), np.uint64(0))


class Signing:
    """Signatures that come some at a time, kept apart until all are there: what grows leaves holes behind."""

    def __init__(self) -> None:
        self._bands, self._words, self._lengths = list[bytes](), list[bytes](), bytearray()

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, bands: Sequence[bytes], words: Sequence[bytes]) -> None:
        """Some prompts, as each one's arrays' bytes."""
        self._bands.append(b"".join(bands))
        self._words.append(b"".join(words))
        self._lengths += bytes(len(marks) // 8 for marks in words)

    def sign(self, texts: Iterable[str]) -> None:
        """Many prompts, in their order."""
        bands, marks, stream = bytearray(), bytearray(), iter(texts)
        while chunk := [normalise(text) for text in islice(stream, _CHUNK)]:
            words = leading_words(chunk)
            bands += _minhash(chunk).tobytes()
            marks += words[words != 0].tobytes()
            self._lengths += np.count_nonzero(words, axis=1).astype(np.uint8).tobytes()
        self._bands.append(bytes(bands))
        self._words.append(bytes(marks))

    def signatures(self) -> Signatures:
        """All of them; nothing is added after."""
        lengths = np.frombuffer(self._lengths, dtype=np.uint8)
        return Signatures(
            np.frombuffer(_joined(self._bands), dtype=np.int64).reshape(-1, BANDS),
            np.frombuffer(_joined(self._words), dtype=np.uint64),
            np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))),
        )


def _joined(parts: list[bytes]) -> bytes:
    whole = b"".join(parts)
    parts.clear()  # before anything else is put together
    return whole


def sign(texts: Iterable[str]) -> Signatures:
    """Signatures of many prompts, in their order; about 200 bytes of memory each."""
    signing = Signing()
    signing.sign(texts)
    return signing.signatures()


def clusters(signatures: Signatures) -> NDArray[np.int64]:
    """For each prompt the position of the first prompt of its cluster.

    Near duplicates of near duplicates are in one cluster. The work is linear in the number of prompts,
    whatever the clusters' sizes: equal signatures are collapsed first.
    """
    parents = _first_of_equals(signatures)
    distinct = np.flatnonzero(parents == np.arange(len(parents)))
    for band in range(BANDS):
        _join_within_band(signatures, distinct, band, parents)
    return _roots(parents)


def nearest_across(signatures: Signatures, *, first: int) -> tuple[float, int]:
    """Between the first so many prompts and the others: the highest similarity, and how many of the first

    are near duplicates of another. Compared is what shares a band; 0 where nothing does.
    """
    highest, near = 0.0, np.zeros(first, dtype=bool)
    for band in range(BANDS):
        keys, next_keys = signatures.bands[:, band], signatures.bands[:, (band + 1) % BANDS]
        order = np.lexsort((next_keys, keys))
        ordered = keys[order]
        for distance in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
            same = np.flatnonzero(ordered[distance:] == ordered[:-distance])
            pairs = np.sort(np.stack([order[same], order[same + distance]]), axis=0)
            left, right = pairs[:, (pairs[0] < first) & (pairs[1] >= first)]
            if len(left):
                highest = max(highest, float(_similarity(signatures, left, right).max()))
                near[left[_verified(signatures, left, right)]] = True
    return highest, int(near.sum())


def normalise(text: str) -> str:
    """What counts in a prompt: no case, no punctuation but arithmetic, no invisible characters, one space.

    A prompt of nothing else keeps its punctuation.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.translate(_CLEANED).split()) or " ".join(folded.split())


class _Cleaned(dict[int, str | int]):
    """A translation table that asks what a character is when it is first met."""

    def __missing__(self, point: int) -> str | int:
        character = chr(point)
        category = unicodedata.category(character)
        kept: str | int = point
        if category == "Cf":
            kept = ""
        elif category.startswith("P") and character not in _OPERATORS:
            kept = " "
        self[point] = kept
        return kept


_CLEANED = _Cleaned()


def _minhash(normalised: list[str]) -> NDArray[np.int64]:
    """Bands of a chunk. A shingle is three code points of 21 bits side by side: no hash to agree on."""
    padded = [f" {text or ' '} " for text in normalised]
    ends = np.cumsum([len(text) for text in padded])
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    points = codes.astype(np.uint64)
    shingles = points[:-2] | points[1:-1] << np.uint64(21) | points[2:] << np.uint64(42)
    within = np.ones(len(shingles), dtype=bool)
    within[ends[:-1] - 1] = within[ends[:-1] - 2] = False  # these begin in one text and end in the next
    offsets = np.concatenate(([0], ends - 2 * np.arange(1, len(ends) + 1))).astype(np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(shingles[within], offsets, PERMUTATIONS, SEED)
    values = np.array(matrix.to_rows(), dtype=np.uint32)
    return (values & np.uint32(0xFFFF)).astype("<u2").view("<i8").astype(np.int64)


def _first_of_equals(signatures: Signatures) -> NDArray[np.int64]:
    """For each prompt the position of the first that has the same signature."""
    digests = bytearray()
    for prompt, bands in enumerate(signatures.bands):
        signed = bands.tobytes() + signatures.words_of(prompt).tobytes()
        digests += hashlib.blake2b(signed, digest_size=16).digest()
    high, low = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2).T
    order = np.lexsort((low, high))  # stable: of equals the first stays first
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    first = np.empty(len(order), dtype=np.int64)
    first[order] = order[np.flatnonzero(new)][np.cumsum(new) - 1]
    return first


def _join_within_band(
    signatures: Signatures, distinct: NDArray[np.int64], band: int, parents: NDArray[np.int64]
) -> None:
    """Join, in `parents`, the near duplicates among neighbours of `distinct` with this band in common."""
    keys, next_keys = signatures.bands[distinct, band], signatures.bands[distinct, (band + 1) % BANDS]
    order = np.lexsort((next_keys, keys))
    ordered = keys[order]
    order = distinct[order]
    for distance in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
        same = np.flatnonzero(ordered[distance:] == ordered[:-distance])
        if not len(same):
            return
        left, right = order[same], order[same + distance]
        roots = _roots(parents)
        apart = roots[left] != roots[right]
        left, right = left[apart], right[apart]
        verified = _verified(signatures, left, right)
        for one, other in zip(left[verified].tolist(), right[verified].tolist(), strict=True):
            _join(parents, one, other)


def _join(parents: NDArray[np.int64], one: int, other: int) -> None:
    one, other = _root(parents, one), _root(parents, other)
    parents[max(one, other)] = min(one, other)


def _root(parents: NDArray[np.int64], place: int) -> int:
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = int(parents[place])
    return place


def _roots(parents: NDArray[np.int64]) -> NDArray[np.int64]:
    roots = parents
    while not np.array_equal(above := roots[roots], roots):
        roots = above
    return roots


def _verified(signatures: Signatures, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of these pairs are near duplicates."""
    verified = np.zeros(len(left), dtype=bool)
    for start in range(0, len(left), _CHUNK):
        part = slice(start, start + _CHUNK)
        one, other = left[part], right[part]
        words, others = signatures.leading(one), signatures.leading(other)
        go_on = (words[:, -1] != 0) & (others[:, -1] != 0)
        threshold = np.where(go_on, LONG_THRESHOLD, SHORT_THRESHOLD)
        alike = np.flatnonzero(_similarity(signatures, one, other) >= threshold)
        edits = small_edits(words[alike], others[alike])
        verified[start + alike] = edits
    return verified


def _similarity(
    signatures: Signatures, left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The share of MinHash values two prompts have in common, for each pair."""
    values = signatures.bands.view(np.uint16)
    shares: NDArray[np.float64] = (values[left] == values[right]).mean(axis=1)
    return shares
