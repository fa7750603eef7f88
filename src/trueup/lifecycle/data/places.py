"""Which dataset somebody means who wants to keep what lies at a path."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trueup.foundation.errors import ConflictError, UsageError
from trueup.foundation.references import check_name
from trueup.lifecycle.data import table
from trueup.lifecycle.data.worktree import tree
from trueup.lifecycle.plan import table as plan_table

if TYPE_CHECKING:
    import sqlalchemy as sa


class Place(NamedTuple):
    """A dataset and where it lies."""

    name: str
    path: str
    is_declared: bool = False


def declared(connection: sa.Connection) -> dict[str, str]:
    """The datasets that the plan in force declares, and their paths; none without a plan."""
    adopted = plan_table.current(connection)
    datasets = adopted.plan.datasets if adopted else {}
    return {name: dataset.path for name, dataset in datasets.items()}


def known(connection: sa.Connection) -> list[Place]:
    """Where all datasets lie: those that the plan declares, and those that were added."""
    planned = declared(connection)
    added = {each.name: each.path for each in table.newest_of_each(connection)}
    return [
        *(Place(name, path, is_declared=True) for name, path in planned.items()),
        *(Place(name, path) for name, path in added.items() if name not in planned),
    ]


def resolve(there: list[Place], path: str, name: str, root: Path) -> Place:
    """The dataset to keep what lies at a path as.

    Args:
        there: The datasets there are.
        path: A file or folder, relative to the project.
        name: The dataset, if the user named one.
        root: The project's folder.

    Raises:
        UsageError: The path or the name cannot be used.
        ConflictError: A dataset of that name lies elsewhere.
    """
    home = root.resolve()
    place = tree.inside(root, path, name or path)
    relative = place.relative_to(home).as_posix()
    at = {(home / each.path).resolve(): each for each in there}
    here = at.get(place)
    if here is not None and name in ("", here.name):
        return here
    if not name:
        if place == home:
            raise UsageError(
                "dataset-project",
                f"'{path}' is the whole project, with its plan and its code.",
                hint="trueup data add FOLDER   (or, to keep everything but .git and .trueup: "
                f"trueup data add {path} --name NAME)",
            )
        around = next((at[above] for above in place.parents if above in at), None)
        if around is not None:
            raise UsageError(
                "dataset-inside",
                f"'{relative}' is part of dataset '{around.name}', which lies at '{around.path}'.",
                hint=f"trueup data add {around.path}   (or: --name NAME, to keep it twice)",
            )
        name = _name_for(place)
    check_name(name, "dataset")
    other = next((each for each in there if each.name == name), None)
    if other is None or (not other.is_declared and not (home / other.path).exists()):
        return Place(name, relative)  # new, or moved
    raise ConflictError(
        "dataset-elsewhere",
        f"Dataset '{name}' lies at '{other.path}', not at '{relative}'.",
        hint=f"trueup data add {relative} --name OTHER-NAME",
    )


def _name_for(place: Path) -> str:
    stem = place.stem if place.is_file() else place.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem)[:100].strip("-._") or "data"
