"""The ledger's rows of a persona stand in the order of their times.

What was live at an instant is read by the times and by the order, so the two must not differ. Rows that are
there are left as they are; a new one is never older than any of them.
"""

from alembic import op

revision = "0020_ledger_in_order"
down_revision = "0019_guards"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION refuse_older_move() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM promotions p WHERE p.persona_id = NEW.persona_id AND p.at > NEW.at) THEN
                RAISE EXCEPTION 'the ledger has a later row of this persona: its rows stand in order of time'
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute(
        "CREATE TRIGGER promotions_in_order BEFORE INSERT ON promotions "
        "FOR EACH ROW EXECUTE FUNCTION refuse_older_move()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER promotions_in_order ON promotions")
    op.execute("DROP FUNCTION refuse_older_move()")
