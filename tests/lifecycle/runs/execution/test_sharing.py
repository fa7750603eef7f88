"""Results of steps travel through a remote: found on a miss, checked, and never trusted blindly."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from trueup.backends.blobs.local import Backend as LocalBlobs
from trueup.backends.keys.file import Backend as FileKey
from trueup.foundation.records import decode, encode
from trueup.lifecycle.pipeline import discovery, keys
from trueup.lifecycle.pipeline.passing import keeping
from trueup.lifecycle.pipeline.records import StoredValue
from trueup.lifecycle.plan.records import Costs
from trueup.lifecycle.runs.execution.sharing import KIND, SharedEntry, SharedResults
from trueup.lifecycle.runs.preview import foreseeing
from trueup.lifecycle.runs.service import Runs
from trueup.people.access import guard
from trueup.state.database import Database
from trueup.state.remotes.remote import Remote
from trueup.state.unit import State

if TYPE_CHECKING:
    from conftest import Project


class Team:
    """Two people with a project of the same files, and a remote between them."""

    def __init__(self, mine: Project, theirs: Project, folder: Path) -> None:
        self.mine = mine
        self.theirs = theirs
        self.folder = folder
        self.told: list[str] = []

    def remote(self, whose: str = "") -> Remote:
        return Remote(f"file://{self.folder}", self.folder.parent / f"cache{whose}")

    def run(self, project: Project, *, shares: bool = True) -> str:
        """Run, with the remote; send what was made."""
        name = "a" if project is self.mine else "b"
        shared = SharedResults(
            lambda: self.remote(name), "team", project.state.blobs, self.told.append
        )
        try:
            run = project.run(shared=shared)
            if shares:
                shared.send(Runs(project.state).results(project.actor, run.id), "sam")
        finally:
            shared.close()
        return run.id

    def change(self, change: Callable[[SharedEntry], SharedEntry]) -> None:
        """Write every record of the remote again, changed."""
        with self.remote("c") as remote:
            for name in remote.list_records(KIND):
                held = remote.get_record(KIND, name)
                assert held is not None
                remote.put_record(KIND, name, encode(change(decode(held.raw, SharedEntry))))


@pytest.fixture
def team(project: Project, home: Path, tmp_path: Path) -> Iterator[Team]:
    other = shutil.copytree(home, tmp_path / "other")
    state = State(
        Database(f"sqlite:///{other / 'trueup.db'}"),
        LocalBlobs(f"local://{other / 'blobs'}"),
        FileKey(f"file://{other / 'keys' / 'signing.key'}"),
        guard,
    )
    (tmp_path / "remote").mkdir()
    yield Team(project, type(project)(project.root, state, project.actor), tmp_path / "remote")
    state.close()


def test_what_one_has_computed_the_other_reuses(team: Team) -> None:
    first = team.run(team.mine)
    team.run(team.theirs)
    assert team.told == []
    assert team.theirs.outcome() == dict.fromkeys(("clean", "split", "measure"), "reused")
    assert team.theirs.why("split") == (f"reused from sam's run {first}",)
    shutil.rmtree(team.folder)
    team.theirs.run()  # it is here now
    assert team.theirs.why("split") == (f"nothing it depends on has changed since run {first}",)


def test_what_the_other_would_reuse_is_foreseen_without_keeping_it(team: Team) -> None:
    team.run(team.mine)
    data = {name: version.digest for name, version in team.theirs.versions().items()}
    before = set(team.theirs.state.blobs.digests())
    name = discovery.find(team.theirs.root)
    shared = SharedResults(
        lambda: team.remote("b"), "team", team.theirs.state.blobs, team.told.append
    )
    plan = foreseeing.of_run(
        team.theirs.state,
        team.theirs.actor,
        team.theirs.root,
        name,
        {},
        data,
        Costs(),
        shared=shared,
    )
    shared.close()
    assert {step.decision for step in plan.steps} == {"reuse"}
    assert set(team.theirs.state.blobs.digests()) == before
    team.run(team.theirs)
    assert set(team.theirs.outcome().values()) == {"reused"}


def test_only_what_is_missing_here_is_asked_for(team: Team) -> None:
    team.run(team.mine)
    team.mine.edit("rows.head(at)", "rows.head(at + 0)")
    team.run(team.theirs)
    assert team.theirs.outcome() == {"clean": "reused", "split": "finished", "measure": "reused"}


def test_a_run_without_the_remote_goes_on(team: Team) -> None:
    team.folder.rmdir()
    team.run(team.mine, shares=False)
    assert len(team.told) == 1  # once, not for each step
    assert team.mine.outcome()["measure"] == "finished"


def _other_outputs(shared: SharedEntry) -> SharedEntry:
    outputs = msgspec.structs.replace(shared.entry.outputs, digest="b3:" + "0" * 64)
    return _with(shared, outputs=outputs)


def _with(shared: SharedEntry, **changes: Any) -> SharedEntry:
    return msgspec.structs.replace(shared, entry=msgspec.structs.replace(shared.entry, **changes))


def _other_components(shared: SharedEntry) -> SharedEntry:
    components = msgspec.structs.replace(shared.entry.components, python="0.0")
    return _with(shared, components=components)


def _other_key(shared: SharedEntry) -> SharedEntry:
    components = msgspec.structs.replace(shared.entry.components, python="0.0")
    return _with(shared, components=components, key=keys.key(components))


POISON = {
    "bytes that are not there": _other_outputs,
    "components of another call": _other_components,
    "another key": _other_key,
}


@pytest.mark.parametrize("change", POISON.values(), ids=POISON)
def test_a_poisoned_result_is_refused_and_computed(
    team: Team, change: Callable[[SharedEntry], SharedEntry]
) -> None:
    team.run(team.mine)
    team.change(change)
    team.run(team.theirs, shares=False)
    assert set(team.theirs.outcome().values()) == {"finished"}
    assert len(team.told) == 3
    assert all("is refused" in words for words in team.told)


def test_damaged_bytes_are_refused(team: Team) -> None:
    team.run(team.mine)
    for pack in (team.folder / "packs").rglob("*"):
        if pack.is_file():
            pack.chmod(0o600)
            raw = pack.read_bytes()
            half = len(raw) // 2
            pack.write_bytes(bytes(byte ^ 255 for byte in raw[:half]) + raw[half:])
    team.run(team.theirs, shares=False)
    assert "finished" in team.theirs.outcome().values()
    assert any("is refused" in words for words in team.told)
    kept = Runs(team.theirs.state).metrics(
        team.theirs.actor, Runs(team.theirs.state).list(team.theirs.actor).runs[0].id
    )
    assert {metric.name: metric.value for metric in kept}["rows"] == 2.0


def test_a_record_that_is_none_is_refused(team: Team) -> None:
    team.run(team.mine)
    with team.remote("c") as remote:
        for name in remote.list_records(KIND):
            remote.put_record(KIND, name, b"{}")
    team.run(team.theirs, shares=False)
    assert set(team.theirs.outcome().values()) == {"finished"}


def test_code_is_taken_from_nobody(team: Team) -> None:
    team.run(team.mine)

    def as_code(shared: SharedEntry) -> SharedEntry:
        made = shared.entry.outputs
        code = StoredValue(kind="model", format="function", digest=made.digest)
        entry = msgspec.structs.replace(shared.entry, outputs=code)
        return msgspec.structs.replace(shared, entry=entry)

    team.change(as_code)
    team.run(team.theirs)
    assert set(team.theirs.outcome().values()) == {"finished"}
    assert all("it is code, which is made here or not at all" in each for each in team.told)
    assert len(team.told) == 3


def test_code_is_sent_to_nobody(team: Team) -> None:
    blobs = team.mine.state.blobs
    run = team.run(team.mine, shares=False)
    (first, *_) = Runs(team.mine.state).results(team.mine.actor, run)
    code = StoredValue(kind="model", format="safetensors", digest=blobs.put(b"code"))
    inside = keeping.listed([code])
    entry = msgspec.structs.replace(first, outputs=inside)
    shared = SharedResults(team.remote, "team", blobs, team.told.append)
    assert shared.send([entry], "sam") == 0
    assert shared.send([first], "sam") == 1
    shared.close()
