"""A classifier that tells a persona's texts from those of the others: logistic regression on runs of letters.

What it has learnt includes what the persona talks about, where the others talk of something else.
"""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.domain.statistics import Floats

FEATURES = 4096  # buckets that the runs are hashed into
RUNS = (2, 3, 4)  # letters
MOST_TEXTS = 1000  # of each side
LEAST_TEXTS = 40  # of each side; fewer teach too little
HELD_OUT = 5  # one text in so many is kept out to measure by
_LETTERS = 600  # of a text that are looked at
_STEPS = 150
_RIDGE = 1.0  # half the squared weights count so much beside the sum of the losses


@dataclass(frozen=True, slots=True, eq=False)
class Adherence:
    """`weights` (FEATURES,) and `bias` of the logistic regression.

    `auc` is the chance that of two texts it never saw the persona's own gets the higher probability, on
    `held_out` texts. `digest` (SHA-256, hex) says what it was trained on.
    """

    weights: Floats
    bias: float
    auc: float
    held_out: int
    digest: str

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """How probable it is of each text that it is the persona's, were both kinds as frequent; (texts,)."""
        return _logistic(_features(texts) @ self.weights + self.bias)


def train(own: Sequence[str], others: Sequence[str]) -> Adherence | None:
    """A classifier of training-set texts of this persona and the others; None where either has too few.

    Texts that both have, and texts said twice, count once and for nobody. No chance: what is kept out, and
    which texts are taken where there are many, is by hash.
    """
    sides = [_taken(set(texts) - set(rest)) for texts, rest in ((own, others), (others, own))]
    if min(len(side) for side in sides) < LEAST_TEXTS:
        return None
    texts = [*sides[0], *sides[1]]
    labels = np.repeat([1.0, 0.0], [len(side) for side in sides])
    features = _features(texts)
    held_out = np.array([_number(f"held out {text}") % HELD_OUT == 0 for text in texts])
    weights, bias = _fit(features[~held_out], labels[~held_out])
    scores = features[held_out] @ weights + bias
    return Adherence(
        weights=weights,
        bias=bias,
        auc=area_under_curve(scores[labels[held_out] == 1], scores[labels[held_out] == 0]),
        held_out=int(held_out.sum()),
        digest=hashlib.sha256("\0".join(["\1".join(side) for side in sides]).encode()).hexdigest(),
    )


def area_under_curve(own: Floats, others: Floats) -> float:
    """Share of pairs in which the own score is the higher, a tie half (Hanley and McNeil); 0.5 of none."""
    if not own.size or not others.size:
        return 0.5
    ordered = np.sort(others)
    below, up_to = (np.searchsorted(ordered, own, side=side) for side in ("left", "right"))
    return float((below + up_to).sum() / 2 / own.size / others.size)


def _taken(texts: set[str]) -> list[str]:
    return sorted(texts, key=_number)[:MOST_TEXTS]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def _features(texts: Sequence[str]) -> Floats:
    """Runs of letters by bucket (texts, FEATURES): the root of each count, scaled to length 1."""
    counts = np.zeros((len(texts), FEATURES))
    for row, text in enumerate(texts):
        letters = f" {' '.join(text.casefold().split())} "[:_LETTERS].encode()
        buckets = [
            zlib.crc32(letters[start : start + run]) % FEATURES
            for run in RUNS
            for start in range(len(letters) - run + 1)
        ]
        counts[row] = np.sqrt(np.bincount(buckets, minlength=FEATURES)) if buckets else 0.0
    lengths = np.linalg.norm(counts, axis=1, keepdims=True)
    return np.asarray(counts / np.maximum(lengths, 1e-12))


def _fit(features: Floats, labels: Floats) -> tuple[Floats, float]:
    """Weights and bias by Nesterov's accelerated gradient; both kinds weigh the same, many or few."""
    share = labels.mean()
    importance = np.where(labels == 1, 0.5 / share, 0.5 / (1 - share))
    inputs = np.column_stack([features, np.ones(len(features))])
    ridge = np.append(np.full(FEATURES, _RIDGE), 0.0)
    # Rows have length 1 beside the constant: the curvature of a logistic loss is at most a quarter of 2.
    step = 1 / (0.5 * importance.sum() + _RIDGE)
    point = ahead = np.zeros(FEATURES + 1)
    for number in range(_STEPS):
        slope = inputs.T @ (importance * (_logistic(inputs @ ahead) - labels)) + ridge * ahead
        before, point = point, ahead - step * slope
        ahead = point + number / (number + 3) * (point - before)
    return point[:-1], float(point[-1])


def _logistic(values: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(values / 2)))
