"""`data status` answers from memory what the database would answer, and from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trueup.app.standing import statuses
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation.errors import DeniedError, NotFoundError
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.worktree.comparing import Status
from trueup.lifecycle.plan import service as plans
from trueup.people import table
from trueup.people.service import set_team

PLAN = '[project]\nname = "p"\nobjective = "Try"\n'
DECLARED = '\n[datasets.labels]\npath = "labels.txt"\n'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Workspace]:
    """A project whose status was asked for once."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"1")
    (tmp_path / "labels.txt").write_text("1")
    (tmp_path / "trueup.toml").write_text(PLAN)
    with open_workspace(tmp_path) as workspace:
        adopt(workspace)
        keep(workspace)
        statuses(workspace)
        yield workspace


def keep(desk: Workspace) -> DatasetVersion:
    return desk.datasets.add(desk.owner, "images", desk.root)


def adopt(desk: Workspace) -> None:
    desk.plans.adopt(desk.owner, plans.read(desk.root))


def remembered(desk: Workspace, name: str = "") -> tuple[list[Status], bool]:
    """What another process would say, and whether it needed the database."""
    with open_workspace(desk.root) as other:
        return statuses(other, name), "state" in vars(other)


def asked(desk: Workspace) -> list[Status]:
    """What the database says."""
    return [
        desk.datasets.status(desk.owner, name, desk.root)
        for name in desk.datasets.names(desk.owner)
    ]


def test_the_second_time_the_database_is_not_asked(desk: Workspace) -> None:
    assert remembered(desk) == (asked(desk), False)
    assert remembered(desk, "images") == (asked(desk), False)


def test_the_files_are_looked_at_each_time(desk: Workspace) -> None:
    (desk.root / "images" / "b.jpg").write_bytes(b"2")
    (found,), needed = remembered(desk)
    assert (found.added, needed) == (("b.jpg",), False)


def change(desk: Workspace, raw: bytes) -> DatasetVersion:
    (desk.root / "images" / "a.jpg").write_bytes(raw)
    return keep(desk)


def declare(desk: Workspace) -> None:
    (desk.root / "trueup.toml").write_text(PLAN + DECLARED)
    adopt(desk)


def check_out(desk: Workspace, selector: str) -> None:
    desk.datasets.checkout(desk.owner, "images", desk.root, selector)


def branch(desk: Workspace, name: str) -> None:
    desk.branching.branch(desk.owner, "images", name, desk.root)


def merge(desk: Workspace) -> None:
    branch(desk, "trial")
    change(desk, b"trial")
    check_out(desk, "main")
    remembered(desk)
    desk.branching.merge(desk.owner, "images", desk.root, "trial")


def delete(desk: Workspace) -> None:
    branch(desk, "trial")
    check_out(desk, "main")
    remembered(desk)
    desk.branching.delete(desk.owner, "images", "trial", desk.root)


def interrupt(desk: Workspace) -> None:
    note = desk.root / ".trueup/worktree/images.json"
    note.write_text(note.read_text().replace('"becoming":""', '"becoming":"b3:0"'))


CHANGES: dict[str, Callable[[Workspace], object]] = {
    "a version": lambda desk: change(desk, b"2"),
    "a dataset": lambda desk: desk.datasets.add(desk.owner, "labels.txt", desk.root),
    "a plan that declares one": declare,
    "a branch": lambda desk: branch(desk, "trial"),
    "an older version": lambda desk: (change(desk, b"2"), remembered(desk), check_out(desk, "1")),
    "a merge": merge,
    "a branch less": delete,
    "an interrupted checkout": interrupt,
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_is_seen(desk: Workspace, what: str) -> None:
    CHANGES[what](desk)
    assert remembered(desk) == (asked(desk), True)
    assert remembered(desk) == (asked(desk), False)


def test_an_unknown_name_is_looked_for_as_usual(desk: Workspace) -> None:
    with pytest.raises(NotFoundError, match="imagse"):
        remembered(desk, "imagse")


def test_who_lost_the_right_to_read_gets_no_answer(desk: Workspace) -> None:
    with desk.state.write(desk.owner, "people.write") as unit:
        set_team(unit, {"rita": ["reviewer"]})
    remembered(desk)
    with desk.state.write(desk.owner, "people.write") as unit:
        unit.execute(table.people.update().where(table.people.c.name != "rita").values(roles=[]))
        unit.emit("person.roles-set", f"person:{desk.owner.name}")
    with pytest.raises(DeniedError):
        remembered(desk)


def test_the_answer_is_not_for_somebody_else(
    desk: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup.app.wiring.account", lambda: "mallory")
    monkeypatch.setattr("trueup.app.standing.account", lambda: "mallory")
    with pytest.raises(DeniedError):
        remembered(desk)
