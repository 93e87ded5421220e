"""Run by Alembic: migrates the database behind the connection that `elastance.train.tuning.database` hands over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import context

from elastance.train.tuning.schema import VERSION_TABLE, metadata

if TYPE_CHECKING:
    import sqlalchemy as sa

connection: sa.Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite alters a table by copying it
    transactional_ddl=True,  # all steps or none, on SQLite too
)
with context.begin_transaction():
    context.run_migrations()
