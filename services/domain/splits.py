"""Which prompts are kept out of training for ever: keys, and the split drawn by hash from a key.

A split is drawn when a prompt is first seen, stored, and never recomputed; storing is
`services.feedback.recording`'s.
"""

import hashlib
import unicodedata
from enum import StrEnum

from services.domain.conversation import Question, user_text
from services.domain.personas import PersonaSlug


class Split(StrEnum):
    TRAIN = "train"
    HOLDOUT = "holdout"
    QUARANTINE = "quarantine"  # too like both: neither learnt from nor asked to judge


def prompt_key(question: Question) -> str:
    """SHA-256 (hex) of the prompt as one row of a training set knows it: what a model reads, normalised."""
    return _digest(user_text(question), question.domain, question.audience)


def split_key(question: Question) -> str:
    """SHA-256 (hex) of question and context alone.

    Domain and audience are left out on purpose: the same question asked for another audience must
    not sit on the other side of the holdout.
    """
    return _digest(user_text(question))


def assign_split(persona: PersonaSlug, key: str, *, holdout_percent: int) -> Split:
    """The split of a key: the same for ever for one persona, HOLDOUT for about that share of keys."""
    draw = int.from_bytes(hashlib.sha256(f"{persona}\n{key}".encode()).digest()[:8], "big")
    return Split.HOLDOUT if draw % 100 < holdout_percent else Split.TRAIN


def _digest(*fields: str) -> str:
    return hashlib.sha256("\x1f".join(map(_normalise, fields)).encode()).hexdigest()


def _normalise(text: str) -> str:
    """Equal for texts that look alike: case, white space, compatible forms and invisible characters aside."""
    visible = (sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return " ".join("".join(visible).casefold().split())
