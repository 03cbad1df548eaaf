"""Reading for pages: a rater's history, one answer with what its rater said of it, the personas there are.

Each page is one SQL statement. Nothing here writes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from services.db.feedback_tables import (
    AnswerRow,
    CommentRow,
    ConversationRow,
    CorrectionRow,
    CurrentRatingRow,
    PersonaRouteRow,
    PersonaRow,
    QuestionRow,
    RatingRow,
)
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.db.retractions import stands
from services.domain.answer_formats import AnswerFormat, AnswerRules, rules_of
from services.domain.conversation import Question
from services.domain.feedback import AnswerId, RaterId, Said, Thumb
from services.domain.personas import PersonaSlug, PersonaState
from services.errors.lookups import UnknownAnswer
from services.errors.people import NotTheAsker
from services.language_model.asking import STOPPED


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One answer as its asker sees it; stars, correction and comment are None until given.

    `persona_label` is the persona's name in a list: with its slug where another one bears the same name.
    `blind`: it was drawn in a canary that is open, so who rates it is not told by which version.
    """

    id: AnswerId
    persona: PersonaSlug
    persona_name: str
    persona_label: str
    question: Question
    text: str
    version: int
    blind: bool
    served_name: str
    prompt_version: str
    seed: int
    latency_ms: int
    rules: AnswerRules
    attempts: int
    valid: bool | None
    stopped: bool  # its asker had enough in the middle
    asked_at: datetime
    stars: int | None
    thumb: Thumb | None  # in the place of stars
    reasons: tuple[str, ...]
    correction: str | None
    comment: str | None

    @property
    def rating(self) -> int | Thumb | None:
        return self.thumb or self.stars


@dataclass(frozen=True, slots=True)
class PersonaChoice:
    """`answers` is how it answers itself, `routes` who answers for it, by label, in which other formats."""

    slug: PersonaSlug
    label: str
    answers: AnswerFormat
    routes: tuple[tuple[AnswerFormat, str], ...]


def list_personas(session: Session) -> list[PersonaChoice]:
    """All that are asked, by name."""
    target = aliased(PersonaRow)
    rows = session.execute(
        select(PersonaRow, _label(PersonaRow), target.answer_format, _label(target))
        .outerjoin(PersonaRouteRow, PersonaRouteRow.persona_id == PersonaRow.id)
        .outerjoin(
            target, and_(target.id == PersonaRouteRow.target_id, target.state != PersonaState.ARCHIVED)
        )
        .where(PersonaRow.state != PersonaState.ARCHIVED)
        .order_by(PersonaRow.display_name, PersonaRow.id, target.answer_format)
    )
    found: dict[PersonaSlug, PersonaChoice] = {}
    for persona, label, answer_format, answering in rows:
        slug = PersonaSlug(persona.slug)
        choice = found.setdefault(slug, PersonaChoice(slug, label, AnswerFormat(persona.answer_format), ()))
        if answer_format:
            routes = (*choice.routes, (AnswerFormat(answer_format), answering))
            found[slug] = replace(choice, routes=routes)
    return list(found.values())


def personas_by_slug(session: Session, *, after: str, limit: int) -> Sequence[PersonaRow]:
    """Those that are asked and whose slugs come after `after`."""
    asked = PersonaRow.state != PersonaState.ARCHIVED
    chosen = select(PersonaRow).where(PersonaRow.slug > after, asked).order_by(PersonaRow.slug).limit(limit)
    return session.scalars(chosen).all()


def labels(session: Session, personas: Collection[PersonaRow]) -> dict[str, str]:
    """By slug, the names of these personas in a list."""
    label = _label(PersonaRow).label("label")
    chosen = PersonaRow.id.in_([one.id for one in personas])
    return {row.slug: row.label for row in session.execute(select(PersonaRow.slug, label).where(chosen))}


def history(
    session: Session, *, rater: RaterId, limit: int = 50, after: AnswerId | None = None
) -> list[AnswerView]:
    """The rater's own answers, newest first; from the one after `after` on, where that is given."""
    statement = (
        _answers()
        .where(ConversationRow.rater_id == rater)
        .order_by(AnswerRow.created_at.desc(), AnswerRow.id.desc())
        .limit(limit)
    )
    if after is not None:
        seen = select(AnswerRow.created_at, AnswerRow.id).where(AnswerRow.id == after).scalar_subquery()
        statement = statement.where(tuple_(AnswerRow.created_at, AnswerRow.id) < seen)
    return [_view(row) for row in session.execute(statement)]


def answer_page(session: Session, *, answer_id: AnswerId, rater: RaterId) -> AnswerView:
    """One answer; raises UnknownAnswer, or NotTheAsker when another rater asked for it."""
    row = session.execute(_answers().where(AnswerRow.id == answer_id)).one_or_none()
    if row is None:
        raise UnknownAnswer(answer_id)
    if row.ConversationRow.rater_id != rater:
        raise NotTheAsker
    return _view(row)


def is_blind(session: Session, answer_id: AnswerId) -> bool:
    """As in `AnswerView`."""
    asked = select(_in_open_canary()).select_from(AnswerRow).join(QuestionRow).join(ConversationRow)
    return bool(session.scalar(asked.where(AnswerRow.id == answer_id)))


def _answers() -> Select[*tuple[Any, ...]]:
    return (
        select(
            AnswerRow,
            QuestionRow,
            ConversationRow,
            PersonaRow.slug,
            PersonaRow.display_name,
            _label(PersonaRow).label("persona_label"),
            PersonaRow.answer_format,
            PersonaRow.answer_rules,
            AdapterVersionRow.number.label("version"),
            _in_open_canary().label("blind"),
            RatingRow.stars.label("stars"),
            RatingRow.thumb.label("thumb"),
            RatingRow.reasons.label("reasons"),
            _newest_text(CorrectionRow, Said.CORRECTION).label("correction"),
            _newest_text(CommentRow, Said.COMMENT).label("comment"),
        )
        .join(QuestionRow, AnswerRow.question_id == QuestionRow.id)
        .join(ConversationRow, QuestionRow.conversation_id == ConversationRow.id)
        .join(PersonaRow, ConversationRow.persona_id == PersonaRow.id)
        .join(AdapterVersionRow, AnswerRow.adapter_version_id == AdapterVersionRow.id)
        .outerjoin(
            CurrentRatingRow,
            and_(
                CurrentRatingRow.answer_id == AnswerRow.id,
                CurrentRatingRow.rater_id == ConversationRow.rater_id,
            ),
        )
        .outerjoin(RatingRow, RatingRow.id == CurrentRatingRow.rating_id)
        .where(AnswerRow.tombstone.is_(None))
    )


def _label(persona: type[PersonaRow]) -> ColumnElement[str]:
    """The name of a persona that is selected around it, with its slug where another one bears the same."""
    other = aliased(PersonaRow)
    shared = exists().where(other.display_name == persona.display_name, other.id != persona.id)
    return case((shared, persona.display_name + " (" + persona.slug + ")"), else_=persona.display_name)


def _in_open_canary() -> ColumnElement[bool]:
    """Whether the answer that is selected around it was drawn in a canary that no row of the ledger ended."""
    later = exists().where(
        PromotionRow.persona_id == ConversationRow.persona_id, PromotionRow.id > AnswerRow.promotion_id
    )
    return and_(AnswerRow.promotion_id.is_not(None), ~later)


def _newest_text(journal: type[CorrectionRow] | type[CommentRow], said: Said) -> ScalarSelect[str]:
    """The asker's last text that stands in a journal, of the answer that is selected around it."""
    of = aliased(journal)
    return (
        select(of.text)
        .where(of.answer_id == AnswerRow.id, of.rater_id == ConversationRow.rater_id, stands(said, of.id))
        .order_by(of.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _view(row: Any) -> AnswerView:  # noqa: ANN401  (SQLAlchemy rows of mixed entities have no static type)
    answer, question = row.AnswerRow, row.QuestionRow
    return AnswerView(
        id=AnswerId(answer.id),
        persona=PersonaSlug(row.slug),
        persona_name=row.display_name,
        persona_label=row.persona_label,
        question=Question(
            text=question.text, context=question.context, domain=question.domain, audience=question.audience
        ),
        text=answer.text,
        version=row.version,
        blind=row.blind,
        served_name=answer.served_name,
        prompt_version=answer.prompt_version,
        seed=answer.seed,
        latency_ms=answer.latency_ms,
        rules=rules_of({**row.answer_rules, "format": row.answer_format}),
        attempts=answer.attempts,
        valid=answer.valid,
        stopped=answer.finish_reason == STOPPED,
        asked_at=answer.accepted_at,
        stars=row.stars,
        thumb=Thumb(row.thumb) if row.thumb else None,
        reasons=tuple(row.reasons or ()),
        correction=row.correction,
        comment=row.comment,
    )


def feedback_counts(session: Session) -> dict[str, int]:
    """How much people said in all: answers, ratings and corrections, for status pages."""
    return {
        "answers": session.scalar(select(func.count()).select_from(AnswerRow)) or 0,
        "ratings": session.scalar(select(func.count()).select_from(CurrentRatingRow)) or 0,
        "corrections": session.scalar(
            select(func.count()).select_from(CorrectionRow).where(stands(Said.CORRECTION, CorrectionRow.id))
        )
        or 0,
    }
