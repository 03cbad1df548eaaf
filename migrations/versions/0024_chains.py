"""Ledger and audit log become hash chains: a row that is changed later no longer fits the ones after it."""

from alembic import op

revision = "0024_chains"
down_revision = "0023_accounts"
branch_labels = None
depends_on = None

MOMENT = """to_char(NEW.{} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
FIELDS = {
    "promotions": (
        "NEW.id, NEW.persona_id, NEW.adapter_version_id, NEW.kind, to_char(NEW.share, 'FM0.000000'), "
        f"NEW.decision_id, NEW.actor, NEW.reason, {MOMENT.format('at')}"
    ),
    "audit_entries": f"NEW.id, {MOMENT.format('at')}, NEW.actor, NEW.act, NEW.subject, NEW.details::text",
}
# Both chains share one lock: who writes to both never waits for who did it the other way round.
LOCK = 7_264_001


def upgrade() -> None:
    op.execute(f"""
        CREATE FUNCTION one_link_at_a_time() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock({LOCK});
            RETURN NULL;
        END $$
    """)
    for table, fields in FIELDS.items():
        op.execute(f"ALTER TABLE {table} ADD COLUMN link TEXT NOT NULL DEFAULT ''")
        op.execute(f"""
            CREATE FUNCTION link_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                NEW.link := encode(sha256(convert_to(
                    coalesce((SELECT link FROM {table} WHERE id < NEW.id ORDER BY id DESC LIMIT 1), '')
                    || jsonb_build_array({fields})::text, 'UTF8'
                )), 'hex');
                RETURN NEW;
            END $$
        """)  # noqa: S608  (this file's own words)
        _link_what_is_there(table)
        # A statement's trigger comes before the first id is drawn: ids and links are in the same order.
        op.execute(
            f"CREATE TRIGGER {table}_link_lock BEFORE INSERT ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION one_link_at_a_time()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_linked BEFORE INSERT ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION link_{table}()"
        )


def downgrade() -> None:
    for table in FIELDS:
        op.execute(f"DROP TRIGGER {table}_linked ON {table}")
        op.execute(f"DROP TRIGGER {table}_link_lock ON {table}")
        op.execute(f"DROP FUNCTION link_{table}()")
        op.execute(f"ALTER TABLE {table} DROP COLUMN link")
    op.execute("DROP FUNCTION one_link_at_a_time()")


def _link_what_is_there(table: str) -> None:
    """The rows of before, oldest first, by the trigger's own function; the guards are off meanwhile."""
    op.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    op.execute(
        f"CREATE TRIGGER linking BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION link_{table}()"
    )
    op.execute(f"""
        DO $$
        DECLARE one bigint;
        BEGIN
            FOR one IN SELECT id FROM {table} ORDER BY id LOOP
                UPDATE {table} SET link = '' WHERE id = one;
            END LOOP;
        END $$
    """)  # noqa: S608  (this file's own words)
    op.execute(f"DROP TRIGGER linking ON {table}")
    op.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
