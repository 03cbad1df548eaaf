"""Tables of what people ask and say: personas, raters, conversations, questions, answers, and the journals of
feedback. Ratings, corrections and comments are append-only; `current_ratings` points at what counts now.

Where `tombstone` is set, the row is one of an erased rater: what it said is gone but for this keyed hash.
"""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.db.base import Base, JsonObject
from services.domain.answer_formats import rules_of
from services.domain.personas import GenerationSettings, Persona, PersonaSlug


class PersonaRow(Base):
    __tablename__ = "personas"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    system_template: Mapped[str]
    answer_format: Mapped[str]
    answer_rules: Mapped[JsonObject] = mapped_column(server_default=sql("'{}'"))
    markers: Mapped[list[str]]
    generation: Mapped[JsonObject]
    example_policy: Mapped[JsonObject]
    gate_policy: Mapped[JsonObject]
    canary_policy: Mapped[JsonObject] = mapped_column(server_default=sql("'{}'"))  # empty: no canaries
    recipe: Mapped[str]  # a recipe's name; empty: the one the settings choose for the base
    recipe_overrides: Mapped[list[str]]
    begins_with: Mapped[str] = mapped_column(server_default=sql("''"))  # name of another persona's version
    state: Mapped[str] = mapped_column(server_default=sql("'active'"))
    state_reason: Mapped[str] = mapped_column(server_default=sql("''"))
    state_since: Mapped[datetime | None]
    created_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("state IN ('active', 'paused', 'archived')", name="state_known"),)

    def as_persona(self) -> Persona:
        return Persona(
            slug=PersonaSlug(self.slug),
            display_name=self.display_name,
            system_template=self.system_template,
            answers=rules_of({**self.answer_rules, "format": self.answer_format}),
            markers=tuple(self.markers),
            generation=GenerationSettings(**self.generation),
        )


class PersonaRouteRow(Base):
    """Who answers in the place of a persona that is asked for another format than its own."""

    __tablename__ = "persona_routes"

    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"), primary_key=True)
    answer_format: Mapped[str] = mapped_column(primary_key=True)
    target_id: Mapped[int] = mapped_column(ForeignKey("personas.id"), index=True)

    __table_args__ = (CheckConstraint("persona_id <> target_id", name="another"),)


class RaterRow(Base):
    __tablename__ = "raters"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    label: Mapped[str | None] = mapped_column(unique=True)  # of a rater named in an imported file
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]  # from then on nobody says anything under this id


class ConversationRow(Base):
    """Turns of one rater with one persona: the unit by which evidence is clustered."""

    __tablename__ = "conversations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"))
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"), index=True)
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "persona_id", "created_at"),)


class QuestionRow(Base):
    __tablename__ = "questions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"), index=True)
    text: Mapped[str]
    context: Mapped[str]
    domain: Mapped[str]
    audience: Mapped[str]
    prompt_key: Mapped[str]
    split_key: Mapped[str]
    submission: Mapped[UUID | None]  # the form it came with; a form that was changed meanwhile asks anew
    follows_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("questions.id")
    )  # whose answer it goes on from
    stopped_at: Mapped[datetime | None]  # when its asker had enough of the answer that was being written
    asked_at: Mapped[datetime]
    tombstone: Mapped[str | None]

    conversation: Mapped[ConversationRow] = relationship()
    __table_args__ = (
        UniqueConstraint("submission", "prompt_key"),
        Index("questions_prompt_ix", "prompt_key", "asked_at"),
    )


class AnswerRow(Base):
    """What a persona said, stamped by the server with what made it."""

    __tablename__ = "answers"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    question_id: Mapped[UUID] = mapped_column(ForeignKey("questions.id"), index=True)
    imported: Mapped[bool] = mapped_column(server_default=sql("false"))  # made elsewhere: no version
    adapter_version_id: Mapped[int | None] = mapped_column(ForeignKey("adapter_versions.id"), index=True)
    served_name: Mapped[str]
    promotion_id: Mapped[int | None] = mapped_column(ForeignKey("promotions.id"))  # the canary open then
    propensity: Mapped[float] = mapped_column(server_default=sql("1"))  # chance of its version, in [0, 1]
    text: Mapped[str]
    prompt_version: Mapped[str]
    generation: Mapped[JsonObject]
    seed: Mapped[int] = mapped_column(BigInteger)
    finish_reason: Mapped[str]
    latency_ms: Mapped[int]
    attempts: Mapped[int] = mapped_column(server_default=sql("1"))
    valid: Mapped[bool | None]  # whether it is in its persona's format; null where that was not looked at
    accepted_at: Mapped[datetime]  # when the ask was taken in and its version chosen
    created_at: Mapped[datetime]
    tombstone: Mapped[str | None]

    question: Mapped[QuestionRow] = relationship()
    __table_args__ = (
        CheckConstraint("imported = (adapter_version_id IS NULL)", name="version_or_imported"),
        CheckConstraint("propensity > 0 AND propensity <= 1", name="propensity_range"),
        CheckConstraint("promotion_id IS NOT NULL OR propensity = 1", name="drawn_in_a_canary"),
        Index("answers_canary_ix", "promotion_id", postgresql_where=sql("promotion_id IS NOT NULL")),
    )


class RatingRow(Base):
    """Journal: one row for each time a rater said something new about an answer."""

    __tablename__ = "ratings"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"))
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"))
    stars: Mapped[int | None]
    thumb: Mapped[str | None]
    reasons: Mapped[list[str]] = mapped_column(server_default=sql("'[]'"))
    submission: Mapped[UUID] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    tombstone: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("stars BETWEEN 1 AND 5", name="stars_range"),
        CheckConstraint("thumb IN ('up', 'down')", name="thumb_known"),
        CheckConstraint("tombstone IS NOT NULL OR (stars IS NULL) <> (thumb IS NULL)", name="stars_or_thumb"),
        Index(None, "answer_id", "rater_id", "id"),
        Index("ratings_unsafe_ix", "answer_id", postgresql_where=sql("reasons ? 'unsafe'")),
        Index(None, "rater_id", "id"),
    )


class CurrentRatingRow(Base):
    __tablename__ = "current_ratings"

    answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"), primary_key=True)
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"), primary_key=True)
    rating_id: Mapped[int] = mapped_column(ForeignKey("ratings.id"), unique=True)


class CorrectionRow(Base):
    """Journal: a rater's better text for an answer; the newest of a rater counts."""

    __tablename__ = "corrections"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"))
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"))
    text: Mapped[str]
    submission: Mapped[UUID] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    tombstone: Mapped[str | None]

    __table_args__ = (Index(None, "answer_id", "rater_id", "id"),)


class CommentRow(Base):
    """Journal: free words about an answer; read by people, never by training."""

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"))
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"))
    text: Mapped[str]
    submission: Mapped[UUID] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    tombstone: Mapped[str | None]

    __table_args__ = (Index(None, "answer_id", "rater_id", "id"),)


class ComparisonRow(Base):
    """Journal: a rater's choice between two answers to one prompt, as they stood on the page."""

    __tablename__ = "comparisons"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    left_answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"), index=True)
    right_answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"))
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"))
    choice: Mapped[str]
    submission: Mapped[UUID] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    tombstone: Mapped[str | None]

    __table_args__ = (
        CheckConstraint(
            "tombstone IS NOT NULL OR choice IN ('left', 'right', 'tie', 'both bad')", name="choice_known"
        ),
        CheckConstraint("left_answer_id <> right_answer_id", name="two_answers"),
    )


class PeerOfferRow(Base):
    """Somebody else's answer that a rater was offered to rate; without an offer only the asker may."""

    __tablename__ = "peer_offers"

    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"), primary_key=True)
    answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"), primary_key=True)
    offered_at: Mapped[datetime]


class RaterReviewRow(Base):
    """Journal: what a person decided of a rater whom the statistics pointed at; the newest counts."""

    __tablename__ = "rater_reviews"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"), index=True)
    verdict: Mapped[str]
    reason: Mapped[str]
    actor: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (CheckConstraint("verdict IN ('trusted', 'excluded')", name="verdict_known"),)


class SeedExampleRow(Base):
    """A demonstration imported from a file, not said by a rater; ranks below anything a rater said."""

    __tablename__ = "seed_examples"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"))
    text: Mapped[str]
    context: Mapped[str]
    domain: Mapped[str]
    audience: Mapped[str]
    completion: Mapped[str]
    prompt_key: Mapped[str]
    split_key: Mapped[str]
    digest: Mapped[str]
    imported_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("persona_id", "digest"),)


class EvaluationItemRow(Base):
    """A question with a known answer that needs no rating; asked only to judge, never trained on."""

    __tablename__ = "evaluation_items"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"))
    text: Mapped[str]
    context: Mapped[str]
    domain: Mapped[str]
    audience: Mapped[str]
    reference: Mapped[str]
    answer_key: Mapped[str]
    prompt_key: Mapped[str]
    split_key: Mapped[str]
    imported_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("persona_id", "prompt_key"),)
