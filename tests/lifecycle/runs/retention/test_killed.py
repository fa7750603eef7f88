"""kill -9 while the bytes of forgotten versions and runs go: nothing that is needed goes along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trueup.foundation import digests
from trueup.foundation.references import Reference
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.retention.service import Retention
from trueup.lifecycle.data.service import Datasets
from trueup.lifecycle.data.upkeep import live
from trueup.state.unit import State

from ....conftest import open_state
from .dying import Dying, collect
from .test_service import RunRetention, of_nothing

if TYPE_CHECKING:
    from conftest import Project

DYING = Path(__file__).with_name("dying.py")
PARTS = 8


def keep(project: Project, number: int) -> DatasetVersion:
    """A version with a file and a packed file of its own, and two that all share."""
    folder = project.root / "images"
    folder.mkdir(exist_ok=True)
    for name, raw in {
        "own": bytes([number]) * 100_000,
        "own-small": b"%d" % number,
        "shared": b"s" * 100_000,
        "shared-small": b"s",
    }.items():
        (folder / name).write_bytes(raw)
    return Datasets(project.state).add(project.actor, "images", project.root)


def kept(state: State) -> set[str]:
    """The blobs that are there."""
    return {each.digest for each in state.blobs.kept()}


def needed(state: State) -> set[str]:
    """Those of them that something refers to."""
    with state.database.reading() as connection:
        marked = live.marked(connection, state.blobs)
    return kept(state) & {digests.of_key(key) for key in marked}


@pytest.mark.slow
def test_a_collector_that_is_killed_loses_nothing_and_is_finished_by_the_next(
    project: Project, state: State, home: Path
) -> None:
    versions = [keep(project, number) for number in range(3)]
    runs = [project.run({"longest": 10 * number}) for number in range(1, 3)]
    wanted = [Reference(kind="data", name="images", selector=str(n)) for n in (1, 2)]
    Retention(state, project.root).forget(project.actor, wanted, why="old")
    RunRetention(state, of_nothing).forget(project.actor, [runs[0].id], why="old")
    whole, wanted_still = kept(state), needed(state)
    state.close()
    words = [sys.executable, str(DYING), str(home), str(project.root), str(PARTS)]
    subprocess.run(words, check=True)
    half = 0
    for number in range(PARTS + 1):
        copy = home.with_name(f"{home.name}-{number}")
        left = open_state(copy)
        assert list(left.blobs.verify()) == [], f"torn at {number}"
        assert wanted_still <= kept(left), f"lost at {number}"
        for version in versions[:2]:  # whoever takes a version back relies on this
            if left.blobs.has(version.digest):
                assert not left.blobs.missing({*manifest.blobs_of(left.blobs, version.digest)})
        half += wanted_still < kept(left) < whole
        collect(copy, project.root, Dying())
        assert kept(left) == wanted_still, f"not finished after {number}"
        left.close()
    assert half > 0, "none died half way"
