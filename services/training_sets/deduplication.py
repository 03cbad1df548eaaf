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
from collections.abc import Iterable
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

_CHUNK = 4_096
# In a bucket of many different prompts each is compared with this many neighbours, so that the work stays
# linear; buckets are sorted differently in each band, so that neighbours differ too.
_NEIGHBOURS = 16
_OPERATORS = frozenset("+-*/%")  # of arithmetic: they carry meaning where other punctuation does not


@dataclass(frozen=True, slots=True)
class Signatures:
    """Many prompts: `bands` int64 (n, BANDS) and `words` uint64 (n, LEADING_WORDS), 0 where no word is.

    Bands hold the MinHash values themselves, and near duplicates share one; words verify candidates.
    """

    bands: NDArray[np.int64]
    words: NDArray[np.uint64]


def sign(texts: Iterable[str]) -> Signatures:
    """Signatures of many prompts, in their order; 384 bytes of memory each."""
    stream = iter(texts)
    bands, words = bytearray(), bytearray()  # they grow in place: no chunk is held twice
    while chunk := [normalise(text) for text in islice(stream, _CHUNK)]:
        bands += _minhash(chunk).tobytes()
        words += leading_words(chunk).tobytes()
    return Signatures(
        np.frombuffer(bands, dtype=np.int64).reshape(-1, BANDS),
        np.frombuffer(words, dtype=np.uint64).reshape(-1, LEADING_WORDS),
    )


def clusters(signatures: Signatures) -> NDArray[np.int64]:
    """For each prompt the position of the first prompt of its cluster.

    Near duplicates of near duplicates are in one cluster. The work is linear in the number of prompts,
    whatever the clusters' sizes: equal signatures are collapsed first.
    """
    first, collapsed = _distinct(signatures)
    distinct = signatures
    if len(first) < len(signatures.bands):
        distinct = Signatures(signatures.bands[first], signatures.words[first])
    parents = np.arange(len(first))
    for band in range(BANDS):
        _join_within_band(distinct, band, parents)
    return first[_roots(parents)][collapsed]


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


def _distinct(signatures: Signatures) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the first of each distinct signature, ascending, and for each prompt its place in them."""
    places: dict[bytes, int] = {}
    first: list[int] = []
    place = np.empty(len(signatures.bands), dtype=np.int64)
    for position, (bands, words) in enumerate(zip(signatures.bands, signatures.words, strict=True)):
        digest = hashlib.blake2b(bands.tobytes() + words.tobytes(), digest_size=16).digest()
        place[position] = places.setdefault(digest, len(first))
        if place[position] == len(first):
            first.append(position)
    return np.array(first, dtype=np.int64), place


def _join_within_band(signatures: Signatures, band: int, parents: NDArray[np.int64]) -> None:
    """Join, in `parents`, the near duplicates among neighbours that have this band in common."""
    keys, next_keys = signatures.bands[:, band], signatures.bands[:, (band + 1) % BANDS]
    order = np.lexsort((next_keys, keys))
    ordered = keys[order]
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
        go_on = (signatures.words[one, -1] != 0) & (signatures.words[other, -1] != 0)
        threshold = np.where(go_on, LONG_THRESHOLD, SHORT_THRESHOLD)
        alike = np.flatnonzero(_similarity(signatures, one, other) >= threshold)
        edits = small_edits(signatures.words[one[alike]], signatures.words[other[alike]])
        verified[start + alike] = edits
    return verified


def _similarity(
    signatures: Signatures, left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The share of MinHash values two prompts have in common, for each pair."""
    values = signatures.bands.view(np.uint16)
    shares: NDArray[np.float64] = (values[left] == values[right]).mean(axis=1)
    return shares
