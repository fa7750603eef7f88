"""A project folder with its verbs of data, and trees to keep in it."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trueup.foundation.actor import Actor
from trueup.lifecycle.data.branching.service import Branching
from trueup.lifecycle.data.records import DatasetVersion, Entry
from trueup.lifecycle.data.service import Datasets
from trueup.lifecycle.data.taking import How
from trueup.state.unit import State

Tree = Mapping[str, bytes]

_REMEMBERED = {"dataset_versions", "dataset_branches", "plans", "people"}
_CHANGE = re.compile(r'(?:INSERT\b.*?\bINTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.DOTALL)


def write(place: Path, tree: Tree) -> None:
    """Lay files down; a path that ends with `*` is executable."""
    for path, raw in tree.items():
        file = place / path.removesuffix("*")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(raw)
        if path.endswith("*"):
            file.chmod(0o755)


def laid(place: Path) -> dict[str, bytes]:
    """The files that lie below a place, as `write` takes them; of a link what it says."""
    found: dict[str, bytes] = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if path.is_symlink():
            found[name] = b"-> " + str(path.readlink()).encode()
        elif path.is_file():
            found[name + ("*" if os.access(path, os.X_OK) else "")] = path.read_bytes()
    return found


@dataclass(frozen=True)
class Desk:
    """The verbs for one person in one project."""

    datasets: Datasets
    branching: Branching
    actor: Actor
    root: Path

    @property
    def place(self) -> Path:
        """Where the dataset `images` lies."""
        return self.root / "data/images"

    def keep(self, tree: Tree | None = None, **how: object) -> DatasetVersion:
        """Lay files down, if given, and keep the dataset."""
        if tree is not None:
            write(self.place, tree)
        return self.datasets.add(self.actor, "data/images", self.root, how=How(**how))  # type: ignore[arg-type]

    def files(self, version: DatasetVersion) -> list[Entry]:
        """The files of a version."""
        return list(self.datasets.files(self.actor, version))


@pytest.fixture
def desk(state: State, scientist: Actor, tmp_path: Path) -> Desk:
    """A project without a plan, in which nothing was kept yet."""
    root = tmp_path / "project"
    (root / "data/images").mkdir(parents=True)
    return Desk(Datasets(state), Branching(state), scientist, root)


@pytest.fixture(autouse=True)
def _every_change_is_an_event(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `trueup data status` remembers stands under the newest event: see `state/recall.py`."""
    silent: set[str] = set()
    connect = sqlite3.connect

    def watched(*where: Any, **how: Any) -> sqlite3.Connection:
        connection = connect(*where, **how)
        tables: set[str] = set()

        def note(statement: str) -> None:
            if change := _CHANGE.match(statement):
                tables.add(change[1])
            elif statement == "COMMIT" and "events" not in tables:
                silent.update(tables & _REMEMBERED)
            if statement in ("COMMIT", "ROLLBACK"):
                tables.clear()

        connection.set_trace_callback(note)
        return connection

    monkeypatch.setattr(sqlite3, "connect", watched)
    yield
    assert not silent, "these tables changed without an event"
