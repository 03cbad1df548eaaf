"""The database refuses more of what nobody may do: a move back to a version that never served by a decision,
other files under the number of a version, and other reports and suites than were stored.

An erasure under way takes texts out of suites and reports, where every number stays, and redacts decisions;
nobody else does.
"""

from alembic import op

revision = "0019_guards"
down_revision = "0018_erasure"
branch_labels = None
depends_on = None

# JSON with the numbers of an item alone, and with its texts gone.
FIGURES = """jsonb_path_query_array({0}, 'strict $.** ? (@.type() == "number" || @.type() == "boolean")')"""
KEPT = {
    "evaluation_suites": (
        "becomes.one ->> 'key' = was.one ->> 'key' AND becomes.one #>> '{question,text}' = ''"
    ),
    "evaluation_reports": (
        "becomes.one #>> '{item,key}' = was.one #>> '{item,key}' "
        "AND becomes.one #>> '{item,question,text}' = ''"
    ),
}
BESIDE = {"evaluation_suites": "redacted_at", "evaluation_reports": "metrics"}
ALLOWED = {
    "evaluation_suites": "NEW.redacted_at IS NOT NULL",
    "evaluation_reports": """
    jsonb_array_length(NEW.metrics) = jsonb_array_length(OLD.metrics) AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(OLD.metrics) WITH ORDINALITY AS was (one, place)
        JOIN jsonb_array_elements(NEW.metrics) WITH ORDINALITY AS becomes (one, place) USING (place)
        WHERE becomes.one - 'slice' <> was.one - 'slice'
    )""",
}


def upgrade() -> None:
    _refuse_unserved()
    _refuse_other_files()
    _refuse_without_erasure()
    for table in KEPT:
        _permit_emptying(table)
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_emptied_alone BEFORE UPDATE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION permit_emptying_{table}()"
        )


def downgrade() -> None:
    for table in (*KEPT, "gate_decisions"):
        op.execute(f"DROP TRIGGER {table}_erasing ON {table}")
    op.execute("DROP FUNCTION refuse_without_erasure()")
    for table in KEPT:
        op.execute(f"DROP TRIGGER {table}_emptied_alone ON {table}")
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        op.execute(f"DROP FUNCTION permit_emptying_{table}()")
    op.execute("DROP TRIGGER adapter_versions_immutable ON adapter_versions")
    op.execute("DROP FUNCTION refuse_other_files()")
    op.execute("DROP TRIGGER promotions_served_before ON promotions")
    op.execute("DROP FUNCTION refuse_unserved_version()")


def _refuse_unserved() -> None:
    op.execute("""
        CREATE FUNCTION refuse_unserved_version() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NOT EXISTS (
                SELECT FROM adapter_versions v
                WHERE v.id = NEW.adapter_version_id AND v.persona_id = NEW.persona_id AND (
                    v.number = 0 OR EXISTS (
                        SELECT FROM promotions p
                        WHERE p.persona_id = v.persona_id AND p.adapter_version_id = v.id AND p.kind = 'full'
                    )
                )
            ) THEN
                RAISE EXCEPTION 'no decision ever let this version serve this persona: it cannot be put back'
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute(
        "CREATE TRIGGER promotions_served_before BEFORE INSERT ON promotions FOR EACH ROW "
        "WHEN (NEW.kind IN ('rollback', 'reinstate')) EXECUTE FUNCTION refuse_unserved_version()"
    )


def _refuse_other_files() -> None:
    """What a version is called and what it is of: decisions and the ledger name it by that."""
    op.execute("""
        CREATE FUNCTION refuse_other_files() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'a version stays the files it was registered with: register another one'
                USING ERRCODE = 'check_violation';
        END $$
    """)
    op.execute(
        "CREATE TRIGGER adapter_versions_immutable BEFORE UPDATE ON adapter_versions FOR EACH ROW "
        "WHEN ((OLD.persona_id, OLD.number, OLD.digest, OLD.name) "
        "IS DISTINCT FROM (NEW.persona_id, NEW.number, NEW.digest, NEW.name)) "
        "EXECUTE FUNCTION refuse_other_files()"
    )


def _refuse_without_erasure() -> None:
    """What is emptied or redacted changes while an erasure has begun and not left the database yet."""
    op.execute("""
        CREATE FUNCTION refuse_without_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NOT EXISTS (SELECT FROM erasures WHERE redacted_at IS NULL) THEN
                RAISE EXCEPTION '% is append-only: add a row instead', TG_TABLE_NAME;
            END IF;
            RETURN NULL;
        END $$
    """)
    for table in (*KEPT, "gate_decisions"):
        op.execute(
            f"CREATE TRIGGER {table}_erasing BEFORE UPDATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_without_erasure()"
        )


def _permit_emptying(table: str) -> None:
    """An item loses its texts and keeps its numbers; a row changes in nothing else but what names it."""
    same = f"ARRAY['items', '{BESIDE[table]}']"
    op.execute(f"""
        CREATE FUNCTION permit_emptying_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF to_jsonb(NEW) - {same} = to_jsonb(OLD) - {same}
                AND {ALLOWED[table]}
                AND jsonb_array_length(NEW.items) = jsonb_array_length(OLD.items)
                AND NOT EXISTS (
                    SELECT FROM jsonb_array_elements(OLD.items) WITH ORDINALITY AS was (one, place)
                    JOIN jsonb_array_elements(NEW.items) WITH ORDINALITY AS becomes (one, place) USING (place)
                    WHERE becomes.one <> was.one AND NOT coalesce(
                        {KEPT[table]} AND {FIGURES.format("becomes.one")} = {FIGURES.format("was.one")}, FALSE
                    )
                )
            THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '% is append-only: add a row instead', TG_TABLE_NAME;
        END $$
    """)
