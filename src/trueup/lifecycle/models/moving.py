"""Moves of aliases and stages, inside a transaction of the caller's who has checked that it may."""

from __future__ import annotations

from typing import Final

from trueup.lifecycle.models import table
from trueup.state.unit import Unit

CHAMPION: Final = "champion"


def move_alias(unit: Unit, model: str, alias: str, version: int, why: str = "") -> None:
    """Point an alias at a version; its history is the events."""
    before = table.alias(unit.connection, model, alias)
    if before == version:
        return
    where = (table.aliases.c.model == model, table.aliases.c.alias == alias)
    if before is None:
        unit.execute(table.aliases.insert().values(model=model, alias=alias, version=version))
    else:
        unit.execute(table.aliases.update().where(*where).values(version=version))
    unit.emit(
        "alias.moved",
        f"{model}@{alias}",
        before=f"{model}@{before}" if before else "",
        after=f"{model}@{version}",
        why=why,
    )


def remove_alias(unit: Unit, model: str, alias: str, why: str = "") -> None:
    """Take an alias away; one that is not there changes nothing."""
    before = table.alias(unit.connection, model, alias)
    if before is None:
        return
    where = (table.aliases.c.model == model, table.aliases.c.alias == alias)
    unit.execute(table.aliases.delete().where(*where))
    unit.emit("alias.removed", f"{model}@{alias}", before=f"{model}@{before}", why=why)


def enter(unit: Unit, model: str, version: int, stage: str, why: str = "") -> None:
    """Put a version into a stage, or into none."""
    rows = table.model_versions
    where = (rows.c.model == model, rows.c.version == version)
    before: str = unit.execute(
        rows.select().with_only_columns(rows.c.stage).where(*where)
    ).scalar_one()
    if before == stage:
        return
    unit.execute(rows.update().where(*where).values(stage=stage, updated_at=unit.at))
    unit.emit("model-version.moved", f"{model}@{version}", before=before, after=stage, why=why)
