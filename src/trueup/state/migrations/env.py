"""Runs migrations on the connection that `Database` hands over, inside its transaction.

`Database` has begun the transaction (on SQLite with the write lock), so all of it is kept or none.
"""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None)
context.run_migrations()
