"""Who does not own the tables may have their rows counted: ANALYZE is its owner's alone in PostgreSQL 16."""

from alembic import op

revision = "0025_counting"
down_revision = "0024_chains"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION count_rows(VARIADIC tables text[]) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
        DECLARE one text;
        BEGIN
            FOREACH one IN ARRAY tables LOOP
                EXECUTE format('ANALYZE (SKIP_LOCKED) public.%I', one);
            END LOOP;
        END $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION count_rows(text[])")
