"""History within the model's context, and on which side of the holdout a question lands that goes on."""

from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, select

from services.db.feedback_tables import AnswerRow, QuestionRow, RaterRow
from services.db.prompt_tables import PromptSplitRow
from services.db.session import session_scope
from services.domain.conversation import CONTEXT_LIMIT, Question
from services.domain.feedback import AnswerId, RaterId
from services.errors.inputs import TextTooLong
from services.errors.refusals import RaterErased
from services.errors.tree import InvalidInput
from services.feedback.questions import new_rater
from services.jobs.ask import ask
from services.jobs.conversation import ask_on
from services.language_model.asking import Generated, GenerationRequest, Hearing
from tests.builders import AT, add_persona
from tests.fakes import FakeGenerator

WHY = Question("Why is the sea salty?", "oceans", "student")


@dataclass
class Narrow(FakeGenerator):
    """A server whose context has room for so many characters; `told`: it says how many there were."""

    room: int = 10_000
    told: bool = True

    def generate(self, request: GenerationRequest, heard: Hearing | None = None) -> Generated:
        length = len(request.messages[-1].content)
        if length <= self.room:
            return super().generate(request, heard)
        if self.told:
            raise TextTooLong("prompt", length=length, limit=self.room, unit="tokens")
        raise InvalidInput("The context is too short.")


@pytest.fixture
def rater(clean: Engine) -> RaterId:
    with session_scope(clean) as session:
        add_persona(session)
        return new_rater(session, at=AT)


def go_on(engine: Engine, generator: FakeGenerator, rater: RaterId, turns: int) -> AnswerId:
    answer = ask(engine, generator, persona_slug="pirate", rater=rater, question=WHY, at=AT)
    for number in range(turns):
        answer = ask_on(engine, generator, answer_id=answer, rater=rater, text=f"And {number}?", at=AT)
    return answer


@pytest.mark.parametrize(
    "generator", [Narrow(text="w" * 200, room=450), Narrow(text="w" * 200, room=450, told=False)]
)
def test_the_oldest_turns_are_left_out_where_the_model_has_no_room(
    clean: Engine, rater: RaterId, generator: Narrow
):
    go_on(clean, generator, rater, 3)
    read = generator.requests[-1].messages[-1].content
    assert "And 1?" in read
    assert "And 0?" not in read
    assert read.endswith("Question:\nAnd 2?")
    with session_scope(clean) as session:
        kept = session.scalars(select(QuestionRow.context).where(QuestionRow.text == "And 2?")).one()
        assert session.query(QuestionRow).count() == 4
    assert f"Context:\n{kept}\n\n" in read


def test_what_is_too_long_without_any_turn_before_it_is_refused_and_leaves_nothing(
    clean: Engine, rater: RaterId
):
    generator = Narrow(room=60)
    answer = go_on(clean, generator, rater, 0)
    with pytest.raises(TextTooLong):
        ask_on(clean, generator, answer_id=answer, rater=rater, text="w" * 100, at=AT)
    with session_scope(clean) as session:
        assert session.query(QuestionRow).count() == session.query(AnswerRow).count() == 1


def test_a_conversation_never_outgrows_what_a_question_may_carry(clean: Engine, rater: RaterId):
    generator = FakeGenerator(text="w" * 9_000)
    go_on(clean, generator, rater, 4)
    with session_scope(clean) as session:
        longest = max(map(len, session.scalars(select(QuestionRow.context))))
    assert CONTEXT_LIMIT / 2 < longest <= CONTEXT_LIMIT


def test_all_turns_of_a_conversation_are_on_one_side_of_the_holdout(clean: Engine, rater: RaterId):
    for number in range(12):
        question = Question(f"Why is number {number} salty?", "oceans", "student")
        answer = ask(clean, FakeGenerator(), persona_slug="pirate", rater=rater, question=question, at=AT)
        ask_on(clean, FakeGenerator(), answer_id=answer, rater=rater, text="Why?", at=AT)
    with session_scope(clean) as session:
        rows = session.execute(
            select(QuestionRow.conversation_id, PromptSplitRow.split).join(
                PromptSplitRow, PromptSplitRow.split_key == QuestionRow.split_key
            )
        ).all()
    sides = {(conversation, split) for conversation, split in rows}
    assert len(rows) == 24
    assert len(sides) == 12
    assert {split for _, split in sides} == {"train", "holdout"}


def test_nobody_asks_on_in_the_name_of_an_erased_rater(clean: Engine, rater: RaterId):
    answer = go_on(clean, FakeGenerator(), rater, 0)
    with session_scope(clean) as session:
        session.get_one(RaterRow, rater).erased_at = AT
    with pytest.raises(RaterErased):
        ask_on(clean, FakeGenerator(), answer_id=answer, rater=rater, text="Why?", at=AT)
