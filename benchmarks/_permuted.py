"""A persona like another one, whose answers got the other's stars in another order and no corrections.

Everything else is the same: questions, answers, raters, splits, items, policies, recipe. Where that leaves
fewer rows to learn from, the base answers further questions of the same bank, and those answers are liked
unread.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import cycle
from uuid import uuid4

from sqlalchemy import Engine, Row, select
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona, version_by_number
from services.db.feedback_tables import (
    AnswerRow,
    ConversationRow,
    CurrentRatingRow,
    EvaluationItemRow,
    PersonaRow,
    QuestionRow,
    RatingRow,
)
from services.db.prompt_tables import PromptSplitRow
from services.db.session import session_scope
from services.demo.chance import shuffled
from services.demo.raters import inquiries
from services.domain.conversation import Question
from services.domain.example_policy import ExamplePolicy
from services.domain.feedback import AnswerId, RaterId
from services.domain.personas import AUDIENCES, Persona, parse_slug
from services.domain.promotions import BASE_VERSION
from services.domain.splits import Split, assign_split, prompt_key, split_key
from services.domain.training import Objective
from services.evaluation.decisions import parse_policy
from services.feedback.personas import PersonaPlan, create_persona
from services.feedback.questions import new_rater, record_question, start_conversation
from services.feedback.rating import rate
from services.jobs.ask import ask
from services.jobs.installation import now
from services.language_model.asking import Generator

SEED = 1
GOOD = 4  # stars
_AT_ONCE = 8
_OF_ONE_RATER = 10

_Rated = Row[AnswerRow, QuestionRow, RatingRow]


def permute(session: Session, original: str, slug: str, *, until: datetime, at: datetime) -> int:
    """Make the persona `slug`; returns how many ratings up to `until` were given to other answers."""
    source = find_persona(session, original)
    control = create_persona(session, _same_plan(source, slug), at=at)
    _copy_items_and_splits(session, source, control)
    base = version_by_number(session, control, BASE_VERSION).id
    rated = _rated_answers(session, source, until=until)
    stars = shuffled([row.RatingRow.stars for row in rated], SEED, "stars")
    for row, given in zip(rated, stars, strict=True):
        rater, at_then = RaterId(row.RatingRow.rater_id), row.RatingRow.created_at
        asked = record_question(
            session,
            conversation=start_conversation(session, persona=control, rater=rater, at=at_then),
            question=_question(row.QuestionRow),
            at=at_then,
        )
        answer = _same_answer(row.AnswerRow, asked, version_id=base)
        session.add(answer)
        session.flush()  # the rating refers to the answer's id
        rate(session, answer_id=AnswerId(answer.id), rater=rater, stars=given, submission=uuid4(), at=at_then)
    return len(rated)


def add_rows(engine: Engine, generator: Generator, slug: str, *, wanted: int) -> int:
    """Let the base answer questions nobody asked yet, none of them held out, and rate them as if liked.

    Many raters do it, so that none exceeds what one may carry.
    """
    with session_scope(engine) as session:
        questions = _new_questions(session, find_persona(session, slug))[:wanted]
        raters = [new_rater(session, at=now()) for _ in range(1 + wanted // _OF_ONE_RATER)]

    def put(question: Question, rater: RaterId) -> tuple[AnswerId, RaterId]:
        return ask(engine, generator, persona_slug=slug, rater=rater, question=question, at=now()), rater

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(put, questions, cycle(raters)))
    with session_scope(engine) as session:
        for answer_id, rater in answers:
            rate(session, answer_id=answer_id, rater=rater, stars=GOOD, submission=uuid4(), at=now())
    return len(answers)


def _same_plan(source: PersonaRow, slug: str) -> PersonaPlan:
    persona: Persona = replace(source.as_persona(), slug=parse_slug(slug))
    return PersonaPlan(
        persona=persona,
        # Each answer has one rater, and no pairs are left: one opinion has to do, and SFT alone compares.
        example_policy=replace(
            ExamplePolicy(**source.example_policy),
            agreeing_raters=1,
            certainty=0.5,
            objectives=(Objective.SFT,),
        ),
        gate_policy=parse_policy(source.gate_policy),
        recipe=source.recipe,
        recipe_overrides=tuple(source.recipe_overrides),
    )


def _copy_items_and_splits(session: Session, source: PersonaRow, control: PersonaRow) -> None:
    for kind, own in ((EvaluationItemRow, {"id"}), (PromptSplitRow, set[str]())):
        columns = {column.key for column in kind.__table__.columns} - own - {"persona_id"}
        for row in session.scalars(select(kind).where(kind.persona_id == source.id)):
            session.add(kind(persona_id=control.id, **{name: getattr(row, name) for name in columns}))
    session.flush()  # before any question draws a split of its own


def _rated_answers(session: Session, persona: PersonaRow, *, until: datetime) -> Sequence[_Rated]:
    """Answers of the plain base with what their raters gave, in the order in which they gave it."""
    base = version_by_number(session, persona, BASE_VERSION)
    return session.execute(
        select(AnswerRow, QuestionRow, RatingRow)
        .join(QuestionRow, AnswerRow.question_id == QuestionRow.id)
        .join(ConversationRow, QuestionRow.conversation_id == ConversationRow.id)
        .join(CurrentRatingRow, CurrentRatingRow.answer_id == AnswerRow.id)
        .join(RatingRow, CurrentRatingRow.rating_id == RatingRow.id)
        .where(
            ConversationRow.persona_id == persona.id,
            AnswerRow.adapter_version_id == base.id,
            RatingRow.created_at <= until,
        )
        .order_by(RatingRow.id)
    ).all()


def _same_answer(answer: AnswerRow, asked: QuestionRow, *, version_id: int) -> AnswerRow:
    columns = {column.key for column in AnswerRow.__table__.columns} - {
        "id",
        "question_id",
        "adapter_version_id",
    }
    return AnswerRow(
        question=asked,
        adapter_version_id=version_id,
        **{name: getattr(answer, name) for name in columns},
    )


def _new_questions(session: Session, persona: PersonaRow) -> list[Question]:
    """What raters may ask and none has asked of this persona; nothing that is, or would be, held out."""
    splits = {
        row.split_key: row.split
        for row in session.scalars(select(PromptSplitRow).where(PromptSplitRow.persona_id == persona.id))
    }
    asked = set(
        session.scalars(
            select(QuestionRow.prompt_key)
            .join(ConversationRow)
            .where(ConversationRow.persona_id == persona.id)
        )
    )
    percent = int(persona.example_policy["holdout_percent"])
    slug = parse_slug(persona.slug)
    found = []
    for turn, inquiry in enumerate(inquiries(SEED)):
        question = Question(
            inquiry.question, domain=inquiry.entry.fact.domain, audience=AUDIENCES[turn % len(AUDIENCES)]
        )
        key = split_key(question)
        split = splits.get(key) or assign_split(slug, key, holdout_percent=percent)
        if split == Split.TRAIN and prompt_key(question) not in asked:
            found.append(question)
    return found


def _question(row: QuestionRow) -> Question:
    return Question(text=row.text, context=row.context, domain=row.domain, audience=row.audience)
