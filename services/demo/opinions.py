"""What simulated raters think of an answer: stars from 1 to 5, by how it is built and by what they know.

They know the right answer, look at sentences and clauses, and have moods. Nothing here knows how an
evaluation measures style, and no metric knows of this. What they write instead is `corrections`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from services.demo.chance import choose, draw
from services.demo.question_bank import Entry
from services.domain.personas import AUDIENCES

WRONG_STARS = 1
RIGHT_STARS = 2  # at least, whatever else is missing
SATISFIED_STARS = 4
CORRECTING_SHARE = 0.65  # of the answers that leave a rater unsatisfied

_LONG_SENTENCE_WORDS = 14
_SENTENCE_END = re.compile(r"(?<=\w\w[.!?])\s+")  # two letters: an initial ends no sentence
_INNER_PAUSE = re.compile(r"[\w)][,;:] \w")
_PEOPLE_SPOKEN_TO = frozenset({"you", "your", "we", "us", "our"})
_PEOPLE_OF_A_SCHOOL = frozenset({"class", "pupils", "learners", "lesson", "teacher", "classroom", "students"})


class Wish(StrEnum):
    """What a rater may look for in an answer besides the right fact."""

    GROUNDS = "grounds"  # a sentence that does more than state one thing
    RETURN = "return"  # later sentences are still about what was asked
    ADDRESS = "address"  # it is written for this reader


@dataclass(frozen=True, slots=True)
class Taste:
    """One rater's character. `moodiness` is the share of answers whose stars have another reason; an answer
    of fewer words than `fewest_words` seems curt.
    """

    audience: str
    favourite: Wish
    moodiness: float
    fewest_words: int


def taste_of(rater: int, seed: int) -> Taste:
    """The taste of a rater by number; audiences take turns."""
    return Taste(
        audience=AUDIENCES[rater % len(AUDIENCES)],
        favourite=choose(tuple(Wish), seed, rater, "favourite"),
        moodiness=0.06 + 0.1 * draw(seed, rater, "moodiness"),
        fewest_words=choose((20, 26, 32), seed, rater, "fewest words"),
    )


def stars_for(answer: str, entry: Entry, question: str, taste: Taste) -> int:
    """What a rater of this taste honestly thinks of the answer."""
    if entry.fact.answer_key.casefold() not in answer.casefold():
        return WRONG_STARS
    granted = wishes_granted(answer, entry, question, taste.audience)
    stars = RIGHT_STARS + len(granted)
    stars -= taste.favourite not in granted
    stars -= len(answer.split()) < taste.fewest_words
    return max(RIGHT_STARS, stars)


def moody_stars(honest: int, taste: Taste, seed: int, rater: int, question: str) -> int:
    """The stars a rater really gives: now and then one or two more or less than the answer deserves."""
    if draw(seed, rater, question, "mood") >= taste.moodiness:
        return honest
    whim = choose((-2, -1, -1, 1, 1, 2), seed, rater, question, "whim")
    return max(1, min(5, honest + whim))


def wants_to_correct(stars: int, seed: int, rater: int, question: str) -> bool:
    return stars < SATISFIED_STARS and draw(seed, rater, question, "patience") < CORRECTING_SHARE


def wishes_granted(answer: str, entry: Entry, question: str, audience: str) -> frozenset[Wish]:
    """Which wishes the answer fulfils for a reader of this audience."""
    first, *later = _SENTENCE_END.split(answer.strip())
    granted = {
        Wish.GROUNDS: any(_has_two_parts(sentence) for sentence in later),
        Wish.RETURN: bool(_long_words(" ".join(later)) & _long_words(f"{question} {entry.fact.answer_key}")),
        Wish.ADDRESS: _addresses(audience, [first, *later]),
    }
    return frozenset(wish for wish, fulfilled in granted.items() if fulfilled)


def _has_two_parts(sentence: str) -> bool:
    return _INNER_PAUSE.search(sentence) is not None or len(sentence.split()) >= _LONG_SENTENCE_WORDS


def _addresses(audience: str, sentences: list[str]) -> bool:
    """Laypeople like to be spoken to, teachers to hear of a class, experts to get a sentence of substance."""
    words = _words(" ".join(sentences))
    if audience in {"student", "general reader"}:
        return bool(words & _PEOPLE_SPOKEN_TO)
    if audience == "educator":
        return bool(words & _PEOPLE_OF_A_SCHOOL)
    return any(_weighs_enough(sentence) for sentence in sentences[1:])


def _weighs_enough(sentence: str) -> bool:
    """Ten words or more, of more than five letters each on average."""
    words = re.findall(r"\w+", sentence)
    return len(words) >= 10 and sum(map(len, words)) > 5 * len(words)


def _long_words(text: str) -> set[str]:
    """Words that carry meaning, roughly: those of more than four letters, without their last one or two."""
    return {word[:-1] if len(word) < 8 else word[:-2] for word in _words(text) if len(word) > 4}


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))
