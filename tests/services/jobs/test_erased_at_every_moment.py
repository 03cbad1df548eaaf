"""A rater is erased before each statement of what is done in their name or about them, and an answer to them
is stored before each statement of their erasure: nothing of them is left once both are done.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.accounts import invitations
from services.adapters.promotions import find_persona
from services.db.feedback_tables import AnswerRow, PersonaRow
from services.db.session import session_scope
from services.domain.conversation import Question
from services.domain.feedback import AnswerId, Choice, RaterId, Reason
from services.domain.reviews import ReviewVerdict, Source
from services.domain.roles import Role
from services.errors.inputs import TextTooLong
from services.errors.lookups import UnknownAnswer, UnknownRater, UnknownSource
from services.errors.people import ErasedMeanwhile, NotTheAsker
from services.errors.refusals import RaterErased
from services.feedback import rating, recording, review_locks
from services.feedback.agreements import WORDING, agree, require_agreement
from services.feedback.choosing import choose
from services.feedback.offering import offer_of_two
from services.feedback.questions import new_rater
from services.feedback.review_locks import Reviewer
from services.feedback.reviewing import Decision, decide
from services.jobs.ask import ask
from services.jobs.erase import erase_with
from services.jobs.installation import Installation
from services.jobs.raters import review_with
from tests.beside import PATIENCE, at_every_moment
from tests.builders import AT, add_answer, add_comparison, add_persona, add_rating
from tests.fakes import FakeGenerator
from tests.services.jobs.erasing import holding

# What somebody may be told whose rater was erased a moment ago.
TOLD = (RaterErased, ErasedMeanwhile, NotTheAsker, UnknownAnswer, UnknownSource, UnknownRater, TextTooLong)
WORD = "xsaid"
ANSWERING = FakeGenerator(text=f"{WORD} at last")
TOO_LONG = TextTooLong("question", length=9, limit=8, unit="tokens")  # known to the model alone
Act = Callable[[], object]

_LEFT = text("""
WITH asked AS (SELECT q.* FROM questions q JOIN conversations c ON c.id = q.conversation_id
               WHERE c.rater_id = :rater),
     answered AS (SELECT a.* FROM answers a JOIN asked q ON q.id = a.question_id)
SELECT 'question' FROM asked WHERE tombstone IS NULL
UNION ALL SELECT 'answer' FROM answered WHERE tombstone IS NULL
UNION ALL SELECT 'pair' FROM answer_pairs p, answered a WHERE a.id IN (p.one_answer_id, p.other_answer_id)
UNION ALL SELECT 'offer' FROM comparison_offers WHERE rater_id = :rater
UNION ALL SELECT 'peer offer' FROM peer_offers WHERE rater_id = :rater
UNION ALL SELECT 'current rating' FROM current_ratings WHERE rater_id = :rater
UNION ALL SELECT 'rating' FROM ratings WHERE rater_id = :rater AND tombstone IS NULL
UNION ALL SELECT 'correction' FROM corrections WHERE rater_id = :rater AND tombstone IS NULL
UNION ALL SELECT 'comment' FROM comments WHERE rater_id = :rater AND tombstone IS NULL
UNION ALL SELECT 'comparison' FROM comparisons WHERE rater_id = :rater AND tombstone IS NULL
UNION ALL SELECT 'reason about them' FROM rater_reviews WHERE rater_id = :rater AND reason <> ''
""")


@pytest.fixture
def persona(installation: Installation) -> PersonaRow:
    with session_scope(installation.engine) as session:
        return add_persona(session)


@pytest.fixture
def reviewer(installation: Installation) -> Reviewer:
    with session_scope(installation.engine) as session:
        token = invitations.invite(session, Role.CURATOR, actor="test", at=AT)
        account = invitations.accept(
            session, token, name="Ada", password="long enough it is", rater=None, at=AT
        )
        return Reviewer(account.id, account.actor)


@dataclass
class Scene:
    """A rater who was answered the same twice, and what happens to them."""

    installation: Installation
    reviewer: Reviewer
    rater: RaterId
    answers: Sequence[AnswerId]

    @classmethod
    def set(cls, installation: Installation, reviewer: Reviewer, answers: int = 2) -> "Scene":
        with session_scope(installation.engine) as session:
            persona, rater = find_persona(session, "pirate"), new_rater(session, at=AT)
            rows = [
                add_answer(session, persona, rater=rater, question=WORD, text=f"{WORD} {number}")
                for number in range(answers)
            ]
            return cls(installation, reviewer, rater, [AnswerId(row.id) for row in rows])

    def erase(self) -> None:
        erase_with(self.installation, str(self.rater), "by letter", "test")

    def ask(self, generator: FakeGenerator = ANSWERING) -> None:
        """What they had asked before, word by word: so the new answer makes pairs with the others."""
        asked = Question(WORD, "physics", "student")
        ask(
            self.installation.engine,
            generator,
            persona_slug="pirate",
            rater=self.rater,
            question=asked,
            submission=uuid4(),
            at=AT,
        )

    def speak(self) -> None:
        said = {"rater": self.rater, "answer_id": self.answers[0], "at": AT}
        with session_scope(self.installation.engine) as session:
            agree(session, rater=self.rater, wording=WORDING, at=AT)
            require_agreement(session, self.rater)
            rating.rate(session, **said, stars=1, reasons=[Reason.UNSAFE], submission=uuid4())
            recording.correct(session, **said, text=f"{WORD} better", submission=uuid4())
            recording.comment(session, **said, text=WORD, submission=uuid4())

    def compare(self) -> None:
        with session_scope(self.installation.engine) as session:
            offer = offer_of_two(session, answer_id=self.answers[0], rater=self.rater, at=AT)
            choose(session, offer, rater=self.rater, choice=Choice.LEFT, submission=uuid4(), at=AT)

    def decide_on_a_rating(self) -> None:
        """Of somebody else, about their answer."""
        with session_scope(self.installation.engine) as session:
            source = add_rating(session, session.get_one(AnswerRow, self.answers[0]), stars=1)
        self._decide(self.answers[0], source)

    def decide_on_a_comparison(self) -> None:
        """Of somebody else, between their answer, on the right, and another one."""
        with session_scope(self.installation.engine) as session:
            left = add_answer(session, find_persona(session, "pirate"))
            source = add_comparison(session, left, session.get_one(AnswerRow, self.answers[0]))
            on = AnswerId(left.id)
        self._decide(on, source)

    def _decide(self, answer: AnswerId, source: str) -> None:
        of = Source.parse(source)
        assert of is not None
        with session_scope(self.installation.engine) as session:
            review_locks.take(session, answer, self.reviewer, at=AT)
            decision = Decision(of, ReviewVerdict.OVERRULED, f"they said {WORD}", uuid4())
            nobody = new_rater(session, at=AT)
            decide(session, answer, decision, reviewer=self.reviewer, rater=nobody, at=AT)

    def review(self) -> None:
        review_with(self.installation, str(self.rater), "excluded", f"they said {WORD}", "test")

    def left(self) -> list[str]:
        with session_scope(self.installation.engine) as session:
            found = list(session.scalars(_LEFT, {"rater": self.rater}))
        return found + holding(self.installation, WORD)


DONE = [Scene.ask, Scene.speak, Scene.compare, Scene.decide_on_a_rating, Scene.decide_on_a_comparison]
DONE += [Scene.review]


def refused_in_words(act: Act) -> Act:
    def acting() -> None:
        with suppress(*TOLD):
            act()

    return acting


@pytest.mark.usefixtures("persona")
@pytest.mark.parametrize("act", DONE, ids=lambda act: act.__name__)
def test_whoever_is_erased_before_any_statement_of_it_leaves_nothing(
    installation: Installation, reviewer: Reviewer, act: Callable[[Scene], object]
):
    scenes = []

    def prepare() -> tuple[Act, Act]:
        scenes.append(Scene.set(installation, reviewer))
        return refused_in_words(partial(act, scenes[-1])), scenes[-1].erase

    for number in at_every_moment(installation.engine, prepare):
        assert scenes[-1].left() == [], f"erased before statement {number}"
    assert len(scenes) > 2


def held_ask(scene: Scene, problem: Exception | None, pool: ThreadPoolExecutor) -> Act:
    """Lets an ask of theirs go on whose answer is being written, until it ended."""
    written, go_on = Event(), Event()

    def meanwhile() -> None:
        written.set()
        assert go_on.wait(PATIENCE)

    generator = replace(ANSWERING, problem=problem, meanwhile=meanwhile)
    asking = pool.submit(refused_in_words(partial(scene.ask, generator)))
    assert written.wait(PATIENCE)

    def act() -> None:
        go_on.set()
        asking.result(PATIENCE)

    return act


@pytest.mark.usefixtures("persona")
@pytest.mark.parametrize(
    ("problem", "answers"),
    [(None, 2), (TOO_LONG, 2), (TOO_LONG, 0)],
    ids=("stored", "refused", "of a newcomer"),
)
def test_an_answer_that_is_stored_before_any_statement_of_an_erasure_goes_with_it(
    installation: Installation, reviewer: Reviewer, problem: Exception | None, answers: int
):
    scenes = []
    with ThreadPoolExecutor(1) as pool:

        def prepare() -> tuple[Act, Act]:
            scenes.append(Scene.set(installation, reviewer, answers))
            return refused_in_words(scenes[-1].erase), held_ask(scenes[-1], problem, pool)

        for number in at_every_moment(installation.engine, prepare):
            assert scenes[-1].left() == [], f"before statement {number} of the erasure"
    assert len(scenes) > 20
