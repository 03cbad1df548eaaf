"""What the service's own role may do: read and write every table, own none, change no row of two journals.

Migrations run as the owner of the tables; everything else signs in as this role, which can therefore neither
take a trigger off nor rewrite the ledger or the audit log. Where no such role exists (a database of the
operator's own, one account for everything) nothing is granted.
"""

from sqlalchemy import Connection, text

from services.db.account_tables import AuditEntryRow
from services.db.lineage_tables import PromotionRow

SERVICE_ROLE = "persona_loop_service"
NEVER_CHANGED = (PromotionRow.__tablename__, AuditEntryRow.__tablename__)

_STATEMENTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
    *(f"REVOKE UPDATE, DELETE ON {table} FROM {{role}}" for table in NEVER_CHANGED),
    "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
)


def grant(connection: Connection) -> bool:
    """In the caller's transaction; whether there is such a role."""
    there = connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": SERVICE_ROLE})
    if there is None:
        return False
    for statement in _STATEMENTS:
        connection.execute(text(statement.format(role=SERVICE_ROLE)))
    return True


def may_rewrite(connection: Connection) -> bool:
    """Whether the role of this connection could change a row of the ledger or take its guards off."""
    return bool(
        connection.scalar(
            text("""
                SELECT rolsuper OR pg_has_role(relowner, 'USAGE')
                    OR has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')
                FROM pg_class c, pg_roles r
                WHERE c.oid = CAST(:ledger AS regclass) AND r.rolname = current_user
            """),
            {"ledger": PromotionRow.__tablename__},
        )
    )
