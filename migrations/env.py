"""Alembic's entry: runs the migrations on the connection that services.db.migrate hands over."""

from alembic import context

from services.db import (  # noqa: F401  (they register their tables)
    account_tables,
    agreement_tables,
    alert_tables,
    canary_tables,
    client_tables,
    comparing_tables,
    erasure_tables,
    feedback_tables,
    judgement_tables,
    lineage_tables,
    prompt_tables,
    rate_tables,
    retraction_tables,
    review_tables,
)
from services.db.base import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    transaction_per_migration=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
