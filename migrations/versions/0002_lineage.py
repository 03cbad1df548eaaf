"""Training sets, runs, adapter versions, reports, decisions, and the append-only ledger of promotions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0002_lineage"
down_revision = "0001_personas_and_questions"
branch_labels = None
depends_on = None

LOST = {
    "training sets": "training_sets",
    "training runs": "training_runs",
    "adapter versions": "adapter_versions",
    "evaluation reports": "evaluation_reports",
    "gate decisions": "gate_decisions",
    "promotions": "promotions",
}

APPEND_ONLY = ("promotions",)


def upgrade() -> None:
    op.create_table(
        "training_sets",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("persona_id", sa.Integer(), nullable=False),
        sa.Column("cutoff", sa.DateTime(timezone=True), nullable=False),
        sa.Column("policy", postgresql.JSONB(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("dropped", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["persona_id"], ["personas.id"], name=op.f("training_sets_persona_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("training_sets_pk")),
        sa.UniqueConstraint("persona_id", "cutoff", "policy_digest", name="training_sets_inputs_uq"),
    )
    op.create_table(
        "training_runs",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("training_set_id", sa.Integer(), nullable=False),
        sa.Column("recipe", postgresql.JSONB(), nullable=False),
        sa.Column("recipe_digest", sa.Text(), nullable=False),
        sa.Column("starting_digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_steps", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("supervised_tokens", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('running', 'succeeded', 'failed')", name=op.f("training_runs_state_known_ck")
        ),
        sa.ForeignKeyConstraint(
            ["training_set_id"], ["training_sets.id"], name=op.f("training_runs_training_set_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("training_runs_pk")),
        sa.UniqueConstraint(
            "training_set_id", "recipe_digest", "starting_digest", name="training_runs_inputs_uq"
        ),
    )
    op.create_table(
        "adapter_versions",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("persona_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("training_run_id", sa.Integer(), nullable=True),
        sa.Column("provenance", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unsound_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unsound_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(number = 0) = (digest IS NULL)",
            name=op.f("adapter_versions_only_the_base_has_no_digest_ck"),
        ),
        sa.ForeignKeyConstraint(["persona_id"], ["personas.id"], name=op.f("adapter_versions_persona_id_fk")),
        sa.ForeignKeyConstraint(
            ["training_run_id"],
            ["training_runs.id"],
            name=op.f("adapter_versions_training_run_id_fk"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("adapter_versions_pk")),
        sa.UniqueConstraint("persona_id", "number", name=op.f("adapter_versions_persona_id_number_uq")),
        sa.UniqueConstraint("training_run_id", name=op.f("adapter_versions_training_run_id_uq")),
    )
    op.create_table(
        "evaluation_suites",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("persona_id", sa.Integer(), nullable=False),
        sa.Column("items", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["persona_id"], ["personas.id"], name=op.f("evaluation_suites_persona_id_fk")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("evaluation_suites_pk")),
    )
    op.create_table(
        "evaluation_reports",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("adapter_version_id", sa.Integer(), nullable=False),
        sa.Column("suite_digest", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column("settings_digest", sa.Text(), nullable=False),
        sa.Column("metrics", postgresql.JSONB(), nullable=False),
        sa.Column("items", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["adapter_version_id"],
            ["adapter_versions.id"],
            name=op.f("evaluation_reports_adapter_version_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["suite_digest"],
            ["evaluation_suites.digest"],
            name=op.f("evaluation_reports_suite_digest_fk"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("evaluation_reports_pk")),
        sa.UniqueConstraint(
            "adapter_version_id",
            "suite_digest",
            "prompt_version",
            "settings_digest",
            name="evaluation_reports_conditions_uq",
        ),
    )
    op.create_table(
        "gate_decisions",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("candidate_report_id", sa.Integer(), nullable=False),
        sa.Column("champion_report_id", sa.Integer(), nullable=False),
        sa.Column("policy", postgresql.JSONB(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("checks", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('PASS', 'FAIL', 'INSUFFICIENT')",
            name=op.f("gate_decisions_verdict_known_ck"),
        ),
        sa.ForeignKeyConstraint(
            ["candidate_report_id"],
            ["evaluation_reports.id"],
            name=op.f("gate_decisions_candidate_report_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["champion_report_id"],
            ["evaluation_reports.id"],
            name=op.f("gate_decisions_champion_report_id_fk"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("gate_decisions_pk")),
        sa.UniqueConstraint(
            "candidate_report_id",
            "champion_report_id",
            "policy_digest",
            name="gate_decisions_inputs_uq",
        ),
    )
    op.create_table(
        "promotions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("persona_id", sa.Integer(), nullable=False),
        sa.Column("adapter_version_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind <> 'full' OR decision_id IS NOT NULL",
            name=op.f("promotions_full_needs_a_decision_ck"),
        ),
        sa.CheckConstraint(
            "kind IN ('full', 'rollback', 'reinstate')", name=op.f("promotions_kind_known_ck")
        ),
        sa.ForeignKeyConstraint(
            ["adapter_version_id"],
            ["adapter_versions.id"],
            name=op.f("promotions_adapter_version_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["gate_decisions.id"], name=op.f("promotions_decision_id_fk")
        ),
        sa.ForeignKeyConstraint(["persona_id"], ["personas.id"], name=op.f("promotions_persona_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("promotions_pk")),
        sa.UniqueConstraint("decision_id", "kind", name=op.f("promotions_decision_id_kind_uq")),
    )
    op.create_index(
        "promotions_newest_ix",
        "promotions",
        ["persona_id", sa.literal_column("id DESC")],
        unique=False,
    )
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only: add a row instead', TG_TABLE_NAME;
        END $$
    """)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.drop_table("promotions")
    op.drop_table("gate_decisions")
    op.drop_table("evaluation_reports")
    op.drop_table("evaluation_suites")
    op.drop_table("adapter_versions")
    op.drop_table("training_runs")
    op.drop_table("training_sets")
    op.execute("DROP FUNCTION refuse_change()")
