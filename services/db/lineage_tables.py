"""Tables of what the loop made of the feedback: training sets, runs, adapter versions, reports, decisions,
and the append-only ledger of promotions. Each row names what it came from.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.db.base import Base, JsonObject
from services.db.feedback_tables import PersonaRow

# A decision that says PASS has checks, and each of them does.
EARNED = (
    "verdict <> 'PASS' OR jsonb_array_length(checks) > 0 AND NOT checks @? '$[*] ? (@.verdict != \"PASS\")'"
)
# What a set was planned for before plans were made.
SFT_ALONE = """'{"stages": ["sft"], "reasons": [], "label_smoothing": 0.0}'"""


class TrainingSetRow(Base):
    """A frozen set: (persona, cutoff, policy digest) names it, `digest` is the SHA-256 of its file."""

    __tablename__ = "training_sets"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"))
    cutoff: Mapped[datetime]
    policy: Mapped[JsonObject]
    policy_digest: Mapped[str]
    digest: Mapped[str]
    path: Mapped[str]  # below ADAPTER_STORE
    row_count: Mapped[int]
    counts: Mapped[JsonObject]  # rows by source
    dropped: Mapped[JsonObject]  # sources by drop reason
    plan: Mapped[JsonObject] = mapped_column(server_default=text(SFT_ALONE))  # stages and why
    report: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))  # leaks, raters, privacy
    created_at: Mapped[datetime]
    redacted_at: Mapped[datetime | None]  # a rater it learnt from was erased: its files have gone

    persona: Mapped[PersonaRow] = relationship()
    __table_args__ = (
        UniqueConstraint("persona_id", "cutoff", "policy_digest", name="training_sets_inputs_uq"),
    )


class TrainingSetSourcesRow(Base):
    """Which ratings, corrections, comparisons or seeds a set learnt from: sorted ids, one row a kind."""

    __tablename__ = "training_set_sources"

    training_set_id: Mapped[int] = mapped_column(ForeignKey("training_sets.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class SkippedNightRow(Base):
    """A night that made no set of a persona's feedback, and why not; said again, it is the last time's."""

    __tablename__ = "skipped_nights"

    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"), primary_key=True)
    cutoff: Mapped[datetime] = mapped_column(primary_key=True)
    reason: Mapped[str]
    counts: Mapped[JsonObject]  # rows by kind that a stage would have learnt from
    dropped: Mapped[JsonObject]  # sources by drop reason
    created_at: Mapped[datetime]


class TrainingRunRow(Base):
    """One attempt to learn one set with one recipe from one starting point; retried in place."""

    __tablename__ = "training_runs"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    training_set_id: Mapped[int] = mapped_column(ForeignKey("training_sets.id"))
    recipe: Mapped[JsonObject]
    recipe_digest: Mapped[str]
    starting_digest: Mapped[str]  # digest of the adapter it starts from; empty: a fresh one
    state: Mapped[str]
    step: Mapped[int] = mapped_column(server_default=text("0"))
    total_steps: Mapped[int] = mapped_column(server_default=text("0"))
    loss: Mapped[float | None]
    supervised_tokens: Mapped[int | None]
    memory: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))  # bytes expected, by part
    concessions: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))  # of the stage under way
    stages: Mapped[list[JsonObject]] = mapped_column(server_default=text("'[]'"))  # those that ended
    error: Mapped[str | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    training_set: Mapped[TrainingSetRow] = relationship()
    __table_args__ = (
        UniqueConstraint(
            "training_set_id", "recipe_digest", "starting_digest", name="training_runs_inputs_uq"
        ),
        CheckConstraint("state IN ('running', 'succeeded', 'failed')", name="state_known"),
    )


class TrainingPointRow(Base):
    """One report of a running training: a point of its loss curve. Steps are those of the whole run."""

    __tablename__ = "training_points"

    training_run_id: Mapped[int] = mapped_column(ForeignKey("training_runs.id"), primary_key=True)
    stage: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    loss: Mapped[float | None]  # empty where it diverged
    tokens_per_second: Mapped[float | None]
    seconds_left: Mapped[float | None]
    at: Mapped[datetime]


class CheckpointScoreRow(Base):
    """What a checkpoint of a running training was worth on the answers kept out, and what it answered."""

    __tablename__ = "checkpoint_scores"

    training_run_id: Mapped[int] = mapped_column(ForeignKey("training_runs.id"), primary_key=True)
    stage: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    loss: Mapped[float | None]  # empty where it diverged
    previews: Mapped[list[str]]
    at: Mapped[datetime]


class AdapterVersionRow(Base):
    """An immutable version of a persona. Number 0 is the plain base: there from the start, without files."""

    __tablename__ = "adapter_versions"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"))
    number: Mapped[int]
    digest: Mapped[str | None]
    name: Mapped[str]  # the immutable serving name
    training_run_id: Mapped[int | None] = mapped_column(ForeignKey("training_runs.id"), unique=True)
    provenance: Mapped[JsonObject]
    created_at: Mapped[datetime]
    unsound_at: Mapped[datetime | None]
    unsound_reason: Mapped[str | None]
    removed_at: Mapped[datetime | None]  # its files went from the store; the row stays
    tainted_at: Mapped[datetime | None]  # it learnt from a rater who was erased: never put in place again
    tainted_reason: Mapped[str | None]

    persona: Mapped[PersonaRow] = relationship()
    __table_args__ = (
        UniqueConstraint("persona_id", "number"),
        UniqueConstraint("persona_id", "digest"),
        CheckConstraint("(number = 0) = (digest IS NULL)", name="only_the_base_has_no_digest"),
        CheckConstraint("removed_at IS NULL OR number > 0", name="the_base_has_nothing_to_remove"),
    )


class EvaluationSuiteRow(Base):
    """The frozen items one evaluation asked, named by their content."""

    __tablename__ = "evaluation_suites"

    digest: Mapped[str] = mapped_column(primary_key=True)
    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"))
    items: Mapped[list[JsonObject]]
    created_at: Mapped[datetime]
    redacted_at: Mapped[datetime | None]  # texts of an erased rater were taken out: the digest is of before


class EvaluationReportRow(Base):
    """What a version answered on a suite; of another arm, what that said of the same items beside it."""

    __tablename__ = "evaluation_reports"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    adapter_version_id: Mapped[int] = mapped_column(ForeignKey("adapter_versions.id"))
    suite_digest: Mapped[str] = mapped_column(ForeignKey("evaluation_suites.digest"))
    prompt_version: Mapped[str]
    settings_digest: Mapped[str]  # server and generation settings, and what it was measured with
    asked_digest: Mapped[str | None]  # the former alone: answers are measured anew; unknown of older reports
    arm: Mapped[str] = mapped_column(server_default=text("''"))  # empty: the version itself
    seconds: Mapped[float | None]  # that asking took; unknown of older reports
    fingerprint: Mapped[JsonObject | None] = mapped_column(JSONB(none_as_null=True))  # how it was served
    metrics: Mapped[list[JsonObject]]
    # Megabytes, which most readers of a report do not look at.
    items: Mapped[list[JsonObject]] = mapped_column(deferred=True)
    created_at: Mapped[datetime]

    version: Mapped[AdapterVersionRow] = relationship()
    __table_args__ = (
        UniqueConstraint(
            "adapter_version_id",
            "suite_digest",
            "prompt_version",
            "settings_digest",
            "arm",
            name="evaluation_reports_conditions_uq",
        ),
    )


class GateDecisionRow(Base):
    """What the gate said of a candidate, with everything needed to say it again."""

    __tablename__ = "gate_decisions"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    candidate_report_id: Mapped[int] = mapped_column(ForeignKey("evaluation_reports.id"))
    champion_report_id: Mapped[int] = mapped_column(ForeignKey("evaluation_reports.id"))
    anchor_report_id: Mapped[int] = mapped_column(ForeignKey("evaluation_reports.id"))
    policy: Mapped[JsonObject]
    policy_digest: Mapped[str]
    gate_version: Mapped[int]
    verdict: Mapped[str]
    checks: Mapped[list[JsonObject]]
    used: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))  # keys of items
    opened: Mapped[bool] = mapped_column(server_default=text("false"))  # the sealed items among them
    outlook: Mapped[JsonObject | None]  # where items were too few: how many more, and when
    evidence_path: Mapped[str | None]  # below ADAPTER_STORE; empty for decisions older than evidence files
    evidence_digest: Mapped[str | None]
    created_at: Mapped[datetime]
    redacted_at: Mapped[datetime | None]  # of what it rests on texts have gone: it cannot be made again

    candidate_report: Mapped[EvaluationReportRow] = relationship(foreign_keys=[candidate_report_id])
    champion_report: Mapped[EvaluationReportRow] = relationship(foreign_keys=[champion_report_id])
    anchor_report: Mapped[EvaluationReportRow] = relationship(foreign_keys=[anchor_report_id])
    __table_args__ = (
        UniqueConstraint(
            "candidate_report_id",
            "champion_report_id",
            "policy_digest",
            "anchor_report_id",
            "gate_version",
            name="gate_decisions_inputs_uq",
        ),
        CheckConstraint("verdict IN ('PASS', 'FAIL', 'INSUFFICIENT')", name="verdict_known"),
        CheckConstraint(EARNED, name="pass_is_earned"),
        CheckConstraint(
            "(evidence_path IS NULL) = (evidence_digest IS NULL)", name="evidence_has_path_and_digest"
        ),
    )


class PromotionRow(Base):
    """The ledger: from `at` on, this version serves this persona; a canary, a share of its conversations.

    Triggers refuse updates, deletes, and what no decision lets serve.
    """

    __tablename__ = "promotions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"))
    adapter_version_id: Mapped[int] = mapped_column(ForeignKey("adapter_versions.id"))
    kind: Mapped[str]
    share: Mapped[float | None]  # of conversations; only a canary has one
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("gate_decisions.id"))
    actor: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
    link: Mapped[str] = mapped_column(server_default=text("''"))  # of the hash chain; a trigger makes it

    version: Mapped[AdapterVersionRow] = relationship()
    __table_args__ = (
        UniqueConstraint("decision_id", "kind"),
        CheckConstraint("kind IN ('canary', 'full', 'rollback', 'reinstate')", name="kind_known"),
        CheckConstraint("kind <> 'full' OR decision_id IS NOT NULL", name="full_needs_a_decision"),
        CheckConstraint("(kind = 'canary') = (share IS NOT NULL)", name="canary_has_a_share"),
        CheckConstraint("share > 0 AND share < 1", name="share_range"),
        Index("promotions_newest_ix", "persona_id", text("id DESC")),
    )
