"""The migrations make exactly the tables that the code declares."""

from __future__ import annotations

import runpy
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from trueup.state import database
from trueup.state.sql import full
from trueup.state.unit import State

SCRIPT = Path(__file__).parents[2] / "scripts" / "first_migration.py"


def test_a_migrated_database_has_the_tables_of_the_code(state: State) -> None:
    metadata = runpy.run_path(str(SCRIPT))["whole_metadata"]()
    with state.database.reading() as connection:
        context = MigrationContext.configure(full(connection))
        difference = compare_metadata(context, metadata)
    assert difference == [], "run: make migration"


def test_a_new_file_has_what_all_migrations_leave() -> None:
    assert database.NEWEST.read_text() == runpy.run_path(str(SCRIPT))["newest"](), (
        "run: make migration"
    )


def test_the_newest_migration_is_the_revision_that_the_code_expects() -> None:
    scripts = ScriptDirectory(str(database._MIGRATIONS))
    assert scripts.get_heads() == [database.REVISION]
