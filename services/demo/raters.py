"""Simulated people who use the web app as people do: they ask, read, give stars, sometimes write it better.

Each has a browser of its own and asks only about the facts of the bank that may be rated. What they think is
`opinions`, what they write is `corrections`; this module plans whom to ask what, and does it.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache

from services.demo.chance import draw, shuffled
from services.demo.corrections import better_answer
from services.demo.opinions import Taste, moody_stars, stars_for, taste_of, wants_to_correct
from services.demo.question_bank import Entry, entries
from services.demo.visitor import PATIENCE_S, Page, Visitor
from services.errors.outages import VisitFailed

RATERS = 25  # five of each audience
OWN_QUESTIONS = 15
SHARED_QUESTIONS = 2  # asked by the next rater of the same audience too, who may think otherwise
PHRASINGS = 3


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A fact asked in one of its phrasings (0 to 2)."""

    entry: Entry
    phrasing: int

    @property
    def question(self) -> str:
        return self.entry.fact.questions[self.phrasing]


@dataclass(frozen=True, slots=True)
class Rater:
    number: int
    taste: Taste
    inquiries: tuple[Inquiry, ...]


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """What one rater said of one answer; `mistaken` is only known to the demo."""

    rater: int
    question: str
    stars: int
    corrected: bool
    mistaken: bool


@dataclass(frozen=True, slots=True)
class Feedback:
    """All that was said of own answers, and the stars for other people's.

    Which those were depends on who was quicker, so they do not repeat by the seed.
    """

    said: tuple[RatedAnswer, ...]
    peer_stars: tuple[int, ...] = ()

    @property
    def stars(self) -> Counter[int]:
        return Counter([*(one.stars for one in self.said), *self.peer_stars])

    @property
    def ratings(self) -> int:
        return len(self.said) + len(self.peer_stars)

    @property
    def corrections(self) -> int:
        return sum(one.corrected for one in self.said)

    @property
    def mistaken(self) -> int:
        return sum(one.mistaken for one in self.said)


def plan_raters(
    seed: int, *, raters: int = RATERS, own: int = OWN_QUESTIONS, shared: int = SHARED_QUESTIONS
) -> list[Rater]:
    """Who asks what: own questions are dealt once, facts repeat only when all were dealt."""
    pool = inquiries(seed)
    hands = [pool[number * own : (number + 1) * own] for number in range(raters)]
    return [
        Rater(
            number=number,
            taste=taste_of(number, seed),
            inquiries=(*hand, *hands[(number + 5) % raters][:shared]),
        )
        for number, hand in enumerate(hands)
    ]


def inquiries(seed: int) -> list[Inquiry]:
    """Everything raters may ask: each fact once in some phrasing, then each in its next."""
    known = shuffled([entry for entry in entries() if not entry.fact.reserved], seed, "questions")
    return [
        Inquiry(entry, (int(PHRASINGS * draw(seed, entry.fact.id)) + turn) % PHRASINGS)
        for turn in range(PHRASINGS)
        for entry in known
    ]


def let_them_rate(
    address: str, persona: str, raters: Sequence[Rater], *, seed: int, told: Callable[[RatedAnswer], None]
) -> Feedback:
    """All raters at once, each with one browser; `told` hears of each answer as it is rated.

    Raises VisitFailed on the first request that is not served, nor when it is sent again as it says.
    """
    closing = threading.Event()
    with ThreadPoolExecutor(max(1, len(raters))) as pool:
        try:
            visits = [
                pool.submit(visit, address, persona, rater, seed=seed, told=told, closing=closing)
                for rater in raters
            ]
            for done in as_completed(visits):
                done.result()
        finally:
            closing.set()  # after a failure or Ctrl-C nobody asks another question
    heard = [done.result() for done in visits]
    return Feedback(
        said=tuple(one for feedback in heard for one in feedback.said),
        peer_stars=tuple(stars for feedback in heard for stars in feedback.peer_stars),
    )


def visit(
    address: str,
    persona: str,
    rater: Rater,
    *,
    seed: int,
    told: Callable[[RatedAnswer], None],
    closing: threading.Event,
) -> Feedback:
    """One rater's visit, question after question until all are asked or `closing` is set."""
    said: list[RatedAnswer] = []
    peer_stars: list[int] = []
    with Visitor(address) as visitor:
        for inquiry in rater.inquiries:
            if closing.is_set():
                break
            page = _asked(visitor, persona, inquiry, rater, closing=closing)
            said.append(_say(visitor, page, rater, inquiry, seed=seed, peer_stars=peer_stars))
            told(said[-1])
    return Feedback(tuple(said), tuple(peer_stars))


def _asked(
    visitor: Visitor, persona: str, inquiry: Inquiry, rater: Rater, *, closing: threading.Event
) -> Page:
    """The page of the answer; who is told to ask again, as too many ask at once, does. Raises VisitFailed."""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            return visitor.ask(
                persona,
                inquiry.question,
                domain=inquiry.entry.fact.domain,
                audience=rater.taste.audience,
            )
        except VisitFailed as refused:
            wait = refused.retry_after_s
            if wait is None or time.monotonic() + wait > give_up or closing.wait(wait):
                raise


def _say(
    visitor: Visitor, page: Page, rater: Rater, inquiry: Inquiry, *, seed: int, peer_stars: list[int]
) -> RatedAnswer:
    entry, question, number = inquiry.entry, inquiry.question, rater.number
    stars = _stars(page, rater, inquiry, seed=seed)
    rated = visitor.rate(page, stars)
    if rated.peer:
        peer_stars += _judge_peer(visitor, visitor.open_peer(rated), rater, seed=seed)
    better = better_answer(entry, inquiry.phrasing, rater.taste.audience, seed=seed, rater=number)
    # A version that has learnt may have said just that.
    if not wants_to_correct(stars, seed, number, question) or better.text.split() == rated.answer.split():
        return RatedAnswer(number, question, stars, corrected=False, mistaken=False)
    visitor.correct(rated, better.text)
    return RatedAnswer(number, question, stars, corrected=True, mistaken=better.mistaken)


def _judge_peer(visitor: Visitor, page: Page, rater: Rater, *, seed: int) -> list[int]:
    """The stars given to somebody else's answer; a question that is not of the bank gets none."""
    inquiry = _known_questions().get(page.question)
    if inquiry is None:
        return []
    stars = _stars(page, rater, inquiry, seed=seed)
    visitor.rate(page, stars)
    return [stars]


def _stars(page: Page, rater: Rater, inquiry: Inquiry, *, seed: int) -> int:
    honest = stars_for(page.answer, inquiry.entry, inquiry.question, rater.taste)
    return moody_stars(honest, rater.taste, seed, rater.number, inquiry.question)


@lru_cache(maxsize=1)
def _known_questions() -> dict[str, Inquiry]:
    """Every question that may be asked, by its words."""
    found = [Inquiry(entry, turn) for entry in entries() for turn in range(PHRASINGS)]
    return {inquiry.question: inquiry for inquiry in found}
