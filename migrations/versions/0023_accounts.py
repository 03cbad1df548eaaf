"""People sign in under accounts with roles, by invitation; what they administer stands in an audit log."""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0023_accounts"
down_revision = "0022_answers_measured_anew"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
ROLES = "role IN ('rater', 'curator', 'promoter', 'admin')"


def upgrade() -> None:
    op.drop_table("curator_sign_ins")  # of the one token that curators shared until now
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("rater_id", sa.Uuid(), sa.ForeignKey("raters.id"), nullable=False, unique=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.CheckConstraint(ROLES, name="role_known"),
    )
    op.create_index("accounts_name_uq", "accounts", [sa.text("lower(name)")], unique=True)
    op.create_table(
        "invitations",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), primary_key=True),
        sa.Column("token_digest", sa.Text(), nullable=False, unique=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("withdrawn_at", MOMENT),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("accounts.id"), unique=True),
        sa.CheckConstraint(ROLES, name="role_known"),
    )
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("token_digest", sa.Text(), nullable=False, unique=True),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("accounts.id"), nullable=False, index=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
    )
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.dialects.postgresql.JSONB(), nullable=False),
    )
    op.execute(
        "CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    warn_of_loss(revision, {"accounts": "accounts", "entries of the audit log": "audit_entries"})
    for table in ("audit_entries", "sign_ins", "invitations", "accounts"):
        op.drop_table(table)
    op.create_table(
        "curator_sign_ins",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
