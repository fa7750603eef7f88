"""Writes the first migration again from all tables, and what SQLite makes of it.

Before the first release the first migration is rewritten rather than stacked upon; after it this
script goes, and each change of a table brings a migration of its own. Run `make migration`.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext

from trueup.state import database, kinds, schema

SOURCE = Path(schema.__file__).parents[1]
TARGET = SOURCE / "state" / "migrations" / "versions" / "0001_first.py"

HEAD = '''"""All tables of the first release (written by scripts/first_migration.py)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    {upgrade}


def downgrade() -> None:
    """Drop the tables and all they hold."""
    {downgrade}
'''


def whole_metadata() -> sa.MetaData:
    """The metadata after every module that declares a table was imported."""
    for path in sorted(SOURCE.rglob("*.py")):
        if " = Table(" in path.read_text(encoding="utf-8"):
            parts = path.relative_to(SOURCE.parent).with_suffix("").parts
            importlib.import_module(".".join(parts))
    for table in schema.declarations.values():
        _ = table.built
    return kinds.metadata


def newest() -> str:
    """What the migrations leave in an empty SQLite file, as statements."""
    with sa.create_engine("sqlite://").connect() as empty:
        database.migrate(empty)
        made = empty.execute(sa.text("SELECT sql FROM sqlite_master WHERE sql > '' ORDER BY rowid"))
        statements = [statement for (statement,) in made]
    revision = f"INSERT INTO alembic_version VALUES ('{database.REVISION}')"
    return ";\n".join([*statements, revision]) + "\n"


def main() -> None:
    """Write the files."""
    with sa.create_engine("sqlite://").connect() as empty:
        context = MigrationContext.configure(empty, opts={"render_item": _plain_type})
        script = produce_migrations(context, whole_metadata())
    options: dict[str, Any] = {"render_item": _plain_type}
    text = HEAD.format(
        upgrade=render_python_code(script.upgrade_ops, **options),
        downgrade=render_python_code(script.downgrade_ops, **options),
    )
    lines = [line for line in text.splitlines() if "# ### " not in line]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(TARGET)], check=True)
    database.NEWEST.write_text(newest(), encoding="utf-8")
    tables = len(schema.declarations)
    print(f"{TARGET.relative_to(SOURCE.parents[1])}: {tables} tables")


def _plain_type(kind: str, item: Any, _context: Any) -> Any:
    """A migration outlives our types, so it names the plain ones beneath."""
    if kind == "type" and isinstance(item, sa.TypeDecorator):
        return f"sa.{type(item.impl_instance).__name__}()"
    return False


if __name__ == "__main__":
    main()
