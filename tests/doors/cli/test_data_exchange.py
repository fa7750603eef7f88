"""`trueup data push`, `pull`, `remotes`, and what `verify` and `gc` do in a remote, in words."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trueup.foundation import clock
from trueup.foundation.records import encode
from trueup.lifecycle.pipeline.records import CacheEntry, Components, StoredValue
from trueup.lifecycle.runs.execution.sharing import KIND, SharedEntry
from trueup.state.remotes.remote import Remote

from .conftest import Trueup


@pytest.fixture
def shared(project: Path, trueup: Trueup, tmp_path: Path) -> Path:
    """A project with a remote in a folder, and a version of its rows."""
    (tmp_path / "team").mkdir()
    file = project / "trueup.toml"
    file.write_text(f'{file.read_text()}\n[remotes.team]\nurl = "file://{tmp_path}/team"\n')
    assert trueup("data", "snapshot", "rows").code == 0
    return tmp_path / "team"


def test_a_push_says_what_moved_and_a_second_one_that_nothing_did(
    shared: Path, trueup: Trueup
) -> None:
    foreseen = trueup("data", "push", "--dry-run")
    assert "would be at" in foreseen.out
    assert "at most" in foreseen.out
    assert "next: trueup data push" in foreseen.err
    ran = trueup("data", "push", "rows")
    assert ran.code == 0
    assert "data:rows@main  data:rows@1" in ran.out
    assert "blobs" in ran.out.splitlines()[-1]
    assert ran.out.rstrip().endswith("/s to team")
    assert trueup("data", "push").out == "team has everything already\n"
    assert trueup("data", "push", "--json").data["branches"] == {}  # type: ignore[index]


def test_a_fresh_clone_needs_only_the_plan(
    shared: Path, project: Path, trueup: Trueup, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert trueup("data", "push").code == 0
    clone = tmp_path / "clone"
    clone.mkdir()
    shutil.copy(project / "trueup.toml", clone)
    monkeypatch.chdir(clone)
    ran = trueup("data", "pull")
    assert ran.code == 0
    assert "rows: 1 version new here." in ran.err
    assert "next: trueup data checkout rows@1" in ran.err
    assert trueup("data", "checkout", "rows").code == 0
    assert (clone / "data/rows.csv").read_bytes() == (project / "data/rows.csv").read_bytes()
    assert trueup("data", "pull").out == "nothing had to travel from team\n"


def test_remotes_are_listed_with_what_they_hold(shared: Path, trueup: Trueup) -> None:
    assert "✓ reached" in trueup("data", "remotes").out
    trueup("data", "push")
    (listed,) = trueup("data", "remotes", "--json").data  # type: ignore[misc]
    assert listed["datasets"] == ["rows"]
    shutil.rmtree(shared)
    ran = trueup("data", "remotes")
    assert (ran.code, "does not exist" in ran.out) == (0, True)


def test_a_project_without_a_remote_is_told_how_to_have_one(project: Path, trueup: Trueup) -> None:
    assert trueup("data", "snapshot", "rows").code == 0
    ran = trueup("data", "push")
    assert ran.code == 3
    assert "[remotes.team]" in ran.err
    assert "trueup explain remote-unknown" in trueup("data", "remotes").err


def test_a_wrong_byte_in_a_remote_is_named(shared: Path, trueup: Trueup) -> None:
    trueup("data", "push")
    assert trueup("data", "verify", "--remote", "team").out == "✓ team: all as it was written\n"
    (pack,) = (shared / "packs").iterdir()
    raw = bytearray(pack.read_bytes())
    raw[20] ^= 1
    pack.write_bytes(raw)
    ran = trueup("data", "verify", "--remote", "team")
    assert ran.code == 8
    assert f"packs/{pack.name}" in ran.out
    assert trueup("data", "verify", "--remote", "team", "--json").code == 8


def test_one_command_mends_a_remote(shared: Path, trueup: Trueup) -> None:
    trueup("data", "push")
    for damaged in [*shared.glob("packs/*"), *shared.glob("indexes/*"), *shared.glob("refs/*/*")]:
        raw = bytearray(damaged.read_bytes())
        raw[len(raw) // 2] ^= 1
        damaged.write_bytes(raw)
    ran = trueup("data", "verify", "--remote", "team")
    assert "trueup data push --repair --remote team" in ran.err
    ran = trueup("data", "push", "--repair")
    assert (ran.code, "refs/rows/main  was damaged" in ran.out) == (0, True)
    assert trueup("data", "verify", "--remote", "team").code == 0
    assert "nothing is damaged there" in trueup("data", "push", "--repair").out


def test_one_command_mends_what_is_here(shared: Path, project: Path, trueup: Trueup) -> None:
    trueup("data", "push")
    files = [p for p in (project / ".trueup/blobs").rglob("*") if p.is_file()]
    for damaged in (p for p in files if not p.name.startswith("index.db")):
        raw = bytearray(damaged.read_bytes())
        raw[len(raw) // 3] ^= 1
        damaged.chmod(0o600)
        damaged.write_bytes(raw)
    ran = trueup("data", "verify")
    assert (ran.code, "trueup data pull --repair" in ran.err) == (8, True)
    ran = trueup("data", "pull", "--repair")
    assert (ran.code, "mended" in ran.out) == (0, True)
    assert trueup("data", "verify").code == 0


def test_a_remote_is_collected_in_two_steps(shared: Path, trueup: Trueup) -> None:
    trueup("data", "push")
    ran = trueup("data", "gc", "--remote", "team")
    assert ran.code == 0
    assert "would be removed" in ran.out
    done = trueup("data", "gc", "--remote", "team", "--yes", "--json").data
    assert (done["marked"], done["removed"]) == (0, 0)  # type: ignore[index]
    assert trueup("data", "gc", "--remote", "tem").code == 3


def test_a_push_takes_datasets_not_versions(shared: Path, trueup: Trueup) -> None:
    ran = trueup("data", "push", "rows@1")
    assert ran.code == 2
    assert "trueup data push rows" in ran.err


def test_versions_are_forgotten_in_a_remote_and_their_bytes_go(
    shared: Path, project: Path, trueup: Trueup
) -> None:
    for number in range(2):  # versions that share nothing, each in packs of its own
        lines = (str(each * 7919 % 10007 + number) for each in range(5000))
        (project / "data/rows.csv").write_text("\n".join(["a", *lines, ""]))
        assert trueup("data", "snapshot", "rows").code == 0
        assert trueup("data", "push").code == 0
    rule = ("data", "forget", "rows", "--keep-last", "1", "--remote", "team")
    look = trueup(*rule)
    assert "data:rows@2" in look.out
    assert "Nothing was done yet." in look.err
    done = trueup(*rule, "-m", "old", "--yes")
    assert "next: trueup data gc --remote team" in done.err
    gc = ("data", "gc", "--remote", "team", "--older-than", "1ms", "--yes")
    with clock.held_at(clock.now() + timedelta(days=1)):
        marked = trueup(*gc)
    assert marked.code == 0, marked.err
    assert "wait until 20" in marked.err
    packs = len([*shared.glob("packs/*")])
    with clock.held_at(clock.now() + timedelta(days=3)):
        assert trueup(*gc).code == 0
    assert len([*shared.glob("packs/*")]) < packs
    assert trueup("data", "verify", "--remote", "team").code == 0
    undo = trueup("data", "forget", "rows@1", "--remote", "team", "--undo")
    assert (undo.code, "trueup data push rows --whole --remote team" in undo.err) == (2, True)
    again = trueup("data", "push", "rows", "--whole")
    assert "is at" not in again.out


def result_of(moment: datetime) -> SharedEntry:
    """What a step made at a moment."""
    components = Components(
        step="s", code="", parts={}, parameters={}, inputs={}, python="", packages={}
    )
    entry = CacheEntry(
        key="k",
        step="s",
        run="r",
        outputs=StoredValue(kind="json", digest=""),
        components=components,
        seconds=1,
        created_at=moment,
    )
    return SharedEntry(entry=entry, made_by="sam")


def test_old_results_of_steps_in_a_remote_are_forgotten(shared: Path, trueup: Trueup) -> None:
    assert trueup("data", "push").code == 0
    with Remote(f"file://{shared}", shared.parent / "cache") as there:
        for name, day in (("aa/old", 1), ("bb/young", 9)):
            there.put_record(KIND, name, encode(result_of(datetime(2026, 1, day, tzinfo=UTC))))
    words = ("runs", "forget", "--remote", "team", "--keep-days", "5")
    with clock.held_at(datetime(2026, 1, 10, tzinfo=UTC)):
        assert trueup("runs", "forget", "--remote", "team").code == 2
        assert "1 old result" in trueup(*words).out
        assert "1 old result" in trueup(*words, "--yes").out
        assert "0 old results" in trueup(*words, "--yes").out
    with Remote(f"file://{shared}", shared.parent / "cache") as there:
        assert [*there.list_records(KIND)] == ["bb/young"]
