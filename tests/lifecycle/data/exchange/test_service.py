"""Versions and branches travel: what one pushes another pulls, numbers differ, nothing is lost."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from trueup.foundation import clock, packs
from trueup.foundation.actor import Actor
from trueup.foundation.errors import (
    BackendError,
    DeniedError,
    NotFoundError,
    TrueupError,
)
from trueup.foundation.references import Reference
from trueup.lifecycle.data import manifest, table
from trueup.lifecycle.data.branching.service import Branching
from trueup.lifecycle.data.exchange import published, remotes
from trueup.lifecycle.data.exchange.service import Exchange
from trueup.lifecycle.data.records import DatasetVersion, Entry
from trueup.lifecycle.data.retention.service import Retention
from trueup.lifecycle.data.service import Datasets
from trueup.lifecycle.data.tending.service import Tending
from trueup.state import eventlog
from trueup.state.remotes import envelopes
from trueup.state.remotes.remote import Remote
from trueup.state.unit import State
from trueup.testing.s3_server import KEY, S3Server

from ....conftest import open_state

CHILD = Path(__file__).with_name("transferring.py")
SAM = Actor(name="sam")


class Project(NamedTuple):
    """One person's copy of the project."""

    root: Path
    state: State
    datasets: Datasets
    branching: Branching
    exchange: Exchange
    tending: Tending

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.root / "data/notes" / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def keep(self, **files: str) -> DatasetVersion:
        self.write(**files)
        return self.datasets.add(SAM, "data/notes", self.root)

    def push(self, *names: str, **options: Any) -> Any:
        return self.exchange.push(SAM, names, **options)

    def pull(self, *references: str, **options: Any) -> Any:
        wanted = []
        for text in references:
            name, _, selector = text.partition("@")
            wanted.append(Reference(kind="data", name=name, selector=selector))
        return self.exchange.pull(SAM, wanted, **options)

    def forget(self, version: DatasetVersion, *, collect: bool) -> None:
        wanted = [Reference(kind="data", name=version.name, selector=str(version.version))]
        Retention(self.state, self.root).forget(SAM, wanted, why="old")
        if collect:
            with clock.held_at(clock.now() + timedelta(days=2)):
                self.datasets.collect(SAM, self.root, older_than=timedelta(days=1), dry_run=False)

    def texts(self, version: str = "") -> dict[str, str]:
        """What a version holds, read from the blobs."""
        found = self.datasets.show(SAM, "notes", version)
        return {
            entry.path: self.state.blobs.get(entry.digest).decode()
            for entry in self.datasets.files(SAM, found)
        }


Make = Callable[..., Project]


@pytest.fixture
def make(tmp_path: Path, _founded: Path) -> Iterator[Make]:
    """Makes a copy of the project: `trueup.toml` and a state that nobody used yet."""
    opened: list[State] = []

    def maker(name: str, url: str = "") -> Project:
        root = tmp_path / name
        root.mkdir()
        place = url or f"file://{tmp_path}/remote"
        (root / "trueup.toml").write_text(
            f'[project]\nname = "p"\nobjective = "o"\n[remotes.team]\nurl = "{place}"\n'
        )
        shutil.copytree(_founded, root / ".trueup")
        opened.append(open_state(root / ".trueup"))
        state = opened[-1]
        exchange = Exchange(state, root, root / ".trueup")
        tending = Tending(state, root, root / ".trueup")
        return Project(root, state, Datasets(state), Branching(state), exchange, tending)

    (tmp_path / "remote").mkdir()
    yield maker
    for state in opened:
        state.close()


def refusal(action: Callable[[], Any]) -> tuple[str, str]:
    """The code of a refusal, and its message with the hint."""
    with pytest.raises(TrueupError) as caught:
        action()
    assert KEY not in f"{caught.value.message}{caught.value.hint}{caught.value.context}"
    return caught.value.code, f"{caught.value.message} {caught.value.hint}"


def test_what_one_pushes_another_pulls(make: Make) -> None:
    mine, theirs = make("mine"), make("theirs")
    mine.keep(a="1", b="2")
    mine.keep(a="1 changed")
    pushed = mine.push()
    assert pushed.branches == {"data:notes@main": "data:notes@2"}
    pulled = theirs.pull()
    assert [arrival.ref for arrival in pulled.received[0].versions] == [
        "data:notes@1",
        "data:notes@2",
    ]
    assert pulled.fetched == ("data:notes@2",)
    assert theirs.texts() == {"a.txt": "1 changed", "b.txt": "2"}
    assert theirs.datasets.log(SAM, "notes") == mine.datasets.log(SAM, "notes")
    theirs.datasets.checkout(SAM, "notes", theirs.root)
    assert (theirs.root / "data/notes/a.txt").read_text() == "1 changed"


def test_an_older_version_comes_when_it_is_asked_for(make: Make) -> None:
    mine, theirs = make("mine"), make("theirs")
    mine.keep(a="1")
    mine.keep(a="2")
    mine.push()
    theirs.pull()
    checkout = lambda: theirs.datasets.checkout(SAM, "notes", theirs.root, "1")  # noqa: E731
    code, words = refusal(checkout)
    assert (code, "trueup data pull notes@1" in words) == ("version-elsewhere", True)
    assert theirs.datasets.verify(SAM).versions == 1, "what was never fetched is not missing"
    assert theirs.pull("notes@1").moved.blobs == 3
    checkout()
    assert theirs.datasets.verify(SAM).versions == 2
    assert refusal(lambda: theirs.pull("notes@7"))[0] == "snapshot-not-found"
    code, words = refusal(lambda: theirs.pull("nots"))
    assert (code, "Did you mean 'notes'" in words) == ("remote-dataset", True)


def test_bytes_that_are_lost_here_are_missed_and_pulled_again(make: Make) -> None:
    mine = make("mine")
    version = mine.keep(a="1")
    mine.push()
    mine.state.blobs.delete([version.digest])
    assert len(mine.datasets.verify(SAM).broken) == 1
    assert mine.pull("notes").fetched == ("data:notes@1",)
    assert mine.datasets.verify(SAM).broken == ()


def test_a_second_push_and_pull_do_nothing(make: Make) -> None:
    mine, theirs = make("mine"), make("theirs")
    mine.keep(a="1")
    mine.push()
    assert mine.push().branches == {}
    theirs.pull()
    again = theirs.pull()
    assert (again.received, again.moved.blobs) == ((), 0)


def test_a_dry_run_sends_nothing(make: Make, tmp_path: Path) -> None:
    mine = make("mine")
    mine.keep(a="1", b="22")
    foreseen = mine.push(dry_run=True)
    assert (foreseen.done, foreseen.branches) == (False, {"data:notes@main": "data:notes@1"})
    assert foreseen.moved.blobs == 5  # two files, their list, its root, the version's record
    assert not any((tmp_path / "remote").rglob("*.json"))
    mine.push()
    mine.keep(a="11")
    assert mine.push(dry_run=True).moved.blobs == 4


def test_versions_have_numbers_of_their_own_in_each_project(make: Make) -> None:
    mine, theirs = make("mine"), make("theirs")
    mine.keep(a="0")
    mine.push()
    theirs.pull()
    theirs.datasets.checkout(SAM, "notes", theirs.root)
    theirs.branching.branch(SAM, "notes", "trial", theirs.root)
    theirs.keep(t="on a branch of its own")
    mine.keep(a="1")
    mine.push()
    (received,) = theirs.pull().received
    assert [(each.ref, each.there) for each in received.versions] == [("data:notes@3", 2)]
    assert received.moved == {"data:notes@main": "data:notes@3"}
    assert theirs.push().branches == {"data:notes@trial": "data:notes@2"}
    (back,) = mine.pull().received
    assert [(each.ref, each.there) for each in back.versions] == [("data:notes@3", 2)]
    assert mine.texts("trial") == {"a.txt": "0", "t.txt": "on a branch of its own"}


def test_a_branch_that_went_apart_is_pulled_merged_and_pushed(make: Make) -> None:
    mine, theirs = make("mine"), make("theirs")
    mine.keep(a="0")
    mine.push()
    theirs.pull()
    theirs.datasets.checkout(SAM, "notes", theirs.root)
    mine.keep(mine="m")
    mine.push()
    theirs.keep(theirs="t")
    code, words = refusal(theirs.push)
    assert (code, "trueup data pull notes" in words) == ("branch-apart", True)
    (received,) = theirs.pull().received
    (apart,) = received.apart
    assert (apart.here, apart.there) == ("data:notes@2", "data:notes@3")
    assert received.moved == {}
    code, words = refusal(theirs.push)
    assert (code, "trueup data merge notes 3" in words) == ("branch-apart", True)
    theirs.branching.merge(SAM, "notes", theirs.root, "3")
    assert theirs.push().branches == {"data:notes@main": "data:notes@4"}
    mine.pull()
    assert mine.texts() == {"a.txt": "0", "mine.txt": "m", "theirs.txt": "t"}


def test_two_who_made_the_same_version_have_one(make: Make) -> None:
    mine, theirs = make("mine"), make("theirs")
    mine.keep(a="same")
    theirs.keep(a="same")
    mine.push()
    assert refusal(theirs.push)[0] == "branch-apart"
    assert theirs.pull().received == ()
    assert theirs.push().branches == {}
    theirs.keep(b="next")
    theirs.push()
    assert [arrival.ref for arrival in mine.pull().received[0].versions] == ["data:notes@2"]


def test_who_is_behind_pushes_nothing_and_is_not_refused(make: Make) -> None:
    mine, theirs = make("mine"), make("theirs")
    mine.keep(a="0")
    mine.push()
    theirs.pull()
    mine.keep(a="1")
    mine.push()
    theirs.branching.branch(SAM, "notes", "old", theirs.root, "1")
    theirs.pull()
    assert theirs.push("notes").branches == {"data:notes@old": "data:notes@1"}


def test_what_was_pulled_from_one_remote_is_pushed_to_another(make: Make, tmp_path: Path) -> None:
    mine, theirs = make("mine"), make("theirs")
    mine.keep(a="0")
    mine.keep(a="1")
    mine.push()
    theirs.pull()
    (tmp_path / "second").mkdir()
    file = theirs.root / "trueup.toml"
    file.write_text(f'{file.read_text()}[remotes.second]\nurl = "file://{tmp_path}/second"\n')
    push = lambda: theirs.push(remote="second")  # noqa: E731
    code, words = refusal(push)
    assert (code, "trueup data pull notes@1" in words) == ("version-elsewhere", True)
    theirs.pull("notes@1", remote="team")
    push()
    third = make("third", f"file://{tmp_path}/second")
    third.pull()
    assert third.datasets.log(SAM, "notes") == mine.datasets.log(SAM, "notes")


def test_what_got_lost_in_a_remote_is_sent_again(make: Make, tmp_path: Path) -> None:
    mine, theirs = make("mine"), make("theirs")
    mine.keep(a="0")
    mine.keep(a="1")
    mine.push()
    (pack,) = (tmp_path / "remote/packs").iterdir()
    pack.unlink()
    assert refusal(theirs.pull)[0] == "object-not-found"
    assert mine.push().moved.blobs == 0, "a push looks at what is new"
    assert mine.push(whole=True).moved.blobs == 8
    theirs.pull()
    theirs.pull("notes@1")
    assert theirs.texts() == {"a.txt": "1"}
    for index in (tmp_path / "remote/indexes").iterdir():
        index.unlink()
    assert mine.push(whole=True).moved.blobs == 8
    assert mine.push(whole=True).moved.blobs == 0
    assert [wrong for wrong in mine.tending.verify(SAM) if wrong.files] == []


def test_one_changed_file_sends_one_small_pack(make: Make, tmp_path: Path) -> None:
    mine = make("mine")
    mine.keep(**{f"file{number}": "x" * 1000 + str(number) for number in range(50)})
    mine.push()
    mine.keep(file7="changed")
    assert mine.push().moved.packs == 1
    assert sorted(path.stat().st_size for path in (tmp_path / "remote/packs").iterdir())[0] < 5000


def test_a_forgotten_version_comes_back_from_a_remote_that_has_it(make: Make) -> None:
    mine = make("mine")
    first = mine.keep(a="one")
    mine.push()
    mine.keep(a="two")
    mine.forget(first, collect=True)
    with pytest.raises(NotFoundError, match="was forgotten"):
        mine.datasets.files(SAM, first)
    mine.push()
    mine.pull("notes@1")
    assert mine.texts("1") == {"a.txt": "one"}


def test_a_version_that_was_forgotten_before_a_push_is_history_there(make: Make) -> None:
    mine, theirs = make("mine"), make("theirs")
    versions = [mine.keep(a=str(number)) for number in range(3)]
    mine.forget(versions[0], collect=True)
    mine.push()
    mine.forget(versions[1], collect=False)
    theirs.pull("notes")
    assert theirs.texts() == {"a.txt": "2"}
    assert len(theirs.datasets.log(SAM, "notes")) == 3
    theirs.pull("notes@2")
    code, message = refusal(lambda: theirs.pull("notes@1"))
    assert (code, "has no bytes of data:notes@1" in message) == ("version-forgotten", True)
    assert mine.tending.verify(SAM) == []
    mine.tending.collect(SAM, dry_run=False)
    assert theirs.push().moved.packs == 0


def test_whoever_has_a_forgotten_version_brings_it_by_a_push_of_everything(
    make: Make, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    mine, theirs = make("mine"), make("theirs")
    first = mine.keep(a="one")
    mine.push()
    theirs.pull("notes@1")
    mine.keep(a="two")
    mine.forget(first, collect=True)
    for project in (mine, theirs):
        with (project.root / "trueup.toml").open("a") as file:
            file.write(f'[remotes.second]\nurl = "file://{tmp_path}/second"\n')
    mine.push(remote="second")
    theirs.pull("notes", remote="second")
    theirs.push(remote="second", whole=True)
    third = make("third", f"file://{tmp_path}/second")
    third.pull("notes@1")
    assert third.texts("1") == {"a.txt": "one"}
    third.tending.collect(SAM, dry_run=False)
    assert third.tending.verify(SAM) == []


def test_only_who_may_keep_data_pushes_and_pulls(make: Make) -> None:
    mine = make("mine")
    mine.keep(a="0")
    for verb in (mine.exchange.push, mine.exchange.pull, mine.tending.collect):
        with pytest.raises(DeniedError):
            verb(Actor(name="vera"))
    with pytest.raises(DeniedError):
        mine.tending.verify(Actor(name="mallory"))


def test_what_happened_stands_in_the_log(make: Make) -> None:
    mine, theirs = make("mine"), make("theirs")
    mine.keep(a="0")
    mine.push()
    theirs.pull()
    assert ("data.pushed", "data:notes@main") in logged(mine)
    assert logged(theirs)[-3:] == [
        ("data.version-received", "data:notes@1"),
        ("data.branch-moved", "data:notes@main"),
        ("data.pulled", "data:notes@1"),
    ]


def logged(project: Project) -> list[tuple[str, str]]:
    with project.state.read(SAM) as connection:
        return [(event.type, event.subject) for event in eventlog.since(connection, 0)]


class TestNaming:
    """Which remote a command means."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        (tmp_path / "trueup.toml").write_text(
            '[project]\nname = "p"\nobjective = "o"\n'
            '[remotes.one]\nurl = "file:///one"\n[remotes.two]\nurl = "file:///two"\n'
        )
        return tmp_path

    def test_the_one_that_is_named(self, root: Path) -> None:
        assert remotes.choose(root, "two", {}) == ("two", "file:///two")
        assert remotes.choose(root, "two", {"TRUEUP_REMOTE": "one"}).name == "two"

    def test_that_of_the_environment_by_name_or_url(self, root: Path) -> None:
        assert remotes.choose(root, "", {"TRUEUP_REMOTE": "two"}).name == "two"
        by_url = {"TRUEUP_REMOTE": "s3://bucket/x"}
        assert remotes.choose(root, "", by_url).url == "s3://bucket/x"
        assert [each.name for each in remotes.known(root, by_url)] == [
            "TRUEUP_REMOTE",
            "one",
            "two",
        ]

    def test_one_of_several_must_be_named(self, root: Path) -> None:
        assert refusal(lambda: remotes.choose(root, "", {}))[0] == "remote-ambiguous"

    def test_an_unknown_one_gets_the_near_one(self, root: Path) -> None:
        for action in (
            lambda: remotes.choose(root, "tow", {}),
            lambda: remotes.choose(root, "", {"TRUEUP_REMOTE": "tow"}),
        ):
            code, words = refusal(action)
            assert (code, "Did you mean 'two'" in words) == ("remote-unknown", True)

    def test_a_project_without_any_is_told_how_to_have_one(self, tmp_path: Path) -> None:
        (tmp_path / "trueup.toml").write_text('[project]\nname = "p"\nobjective = "o"\n')
        code, words = refusal(lambda: remotes.choose(tmp_path, "", {}))
        assert (code, "[remotes.team]" in words) == ("remote-unknown", True)


class TestTrust:
    """Whoever may write to the remote may be wrong, or hostile."""

    @pytest.mark.parametrize(
        "wrong",
        [
            {"dataset": "other"},
            {"path": "../outside"},
            {"path": "/etc"},
            {"branch": "../main"},
            {"number": 0},
            {"number": "x"},
        ],
        ids=str,
    )
    def test_a_record_that_cannot_be_is_refused(
        self, make: Make, tmp_path: Path, wrong: dict[str, Any]
    ) -> None:
        mine, theirs = make("mine"), make("theirs")
        version = mine.keep(a="0")
        mine.push()
        with Remote(f"file://{tmp_path}/remote", tmp_path / "cache") as there:
            (_, raw), *_ = published.records_of([version], {}).values()
            record = mine.state.blobs.put(json.dumps(json.loads(raw) | wrong).encode())
            there.push(mine.state.blobs, [record])
            head = there.get_record("refs", "notes/main")
            assert head is not None
            changed = json.loads(head.raw) | {"record": record}
            there.put_record("refs", "notes/main", json.dumps(changed).encode())
        assert refusal(theirs.pull)[0] == "remote-damaged"
        with theirs.state.read(SAM) as connection:
            assert table.names(connection) == []

    @pytest.mark.parametrize("path", ["../up", "/etc/passwd", "a/../../b", ".trueup/x", "a//b"])
    def test_a_list_that_leads_out_is_refused(self, make: Make, tmp_path: Path, path: str) -> None:
        mine, theirs = make("mine"), make("theirs")
        version = mine.keep(a="0")
        blobs = mine.state.blobs
        evil = manifest.build([Entry(path, blobs.put(b"evil"), 4)], blobs)
        with mine.state.write(SAM, "data.write") as unit:
            unit.execute(table.dataset_versions.update().values(digest=evil))
            unit.emit("data-version.forged", "data:notes@1")
        assert version.digest != evil
        mine.push()
        assert refusal(theirs.pull)[0] == "manifest-unsafe"

    def test_a_head_that_is_none_is_refused(self, make: Make, tmp_path: Path) -> None:
        mine, theirs = make("mine"), make("theirs")
        mine.keep(a="0")
        mine.push()
        (tmp_path / "remote/refs/notes/main").write_bytes(envelopes.wrap(b"{}"))
        assert refusal(theirs.pull)[0] == "remote-damaged"
        assert refusal(mine.push)[0] == "remote-damaged"


class TestTending:
    """Verifying and collecting a remote that holds versions."""

    def test_a_wrong_byte_is_named_with_the_file_that_it_costs(
        self, make: Make, tmp_path: Path
    ) -> None:
        mine = make("mine")
        text = "".join(random.Random(1).choices("abcdefgh", k=400))
        mine.keep(a=text, b="fine")
        mine.push()
        assert mine.tending.verify(SAM) == []
        (pack,) = (tmp_path / "remote/packs").iterdir()
        raw = bytearray(pack.read_bytes())
        raw[20] ^= 1
        pack.write_bytes(raw)
        (wrong,) = mine.tending.verify(SAM)
        assert wrong.object == f"packs/{pack.name}"
        assert len(wrong.files) == 1
        pack.unlink()
        found = mine.tending.verify(SAM)
        assert any("list of files" in file for each in found for file in each.files) or any(
            each.problem for each in found
        )

    def test_collecting_keeps_all_versions_of_all_branches(
        self, make: Make, tmp_path: Path
    ) -> None:
        mine, theirs = make("mine"), make("theirs")
        mine.keep(a="0" * 2000)
        mine.keep(a="1" * 2000)
        mine.branching.branch(SAM, "notes", "trial", mine.root, "1")
        mine.push()
        with Remote(f"file://{tmp_path}/remote", tmp_path / "cache") as there:
            there.push(mine.state.blobs, [mine.state.blobs.put(os.urandom(5000))])
        for days in (2, 4):
            with clock.held_at(clock.now() + timedelta(days=days)):
                done = mine.tending.collect(SAM, dry_run=False)
        assert done.removed == 1
        assert mine.tending.verify(SAM) == []
        theirs.pull()
        theirs.pull("notes@1")
        assert theirs.texts("trial") == {"a.txt": "0" * 2000}
        assert ("data.remote-collected", "data:team") in logged(mine)

    def test_nothing_is_collected_while_it_is_unknown_what_is_needed(
        self, make: Make, tmp_path: Path
    ) -> None:
        mine = make("mine")
        mine.keep(a="0")
        mine.push()
        (pack,) = (tmp_path / "remote/packs").iterdir()
        raw = pack.read_bytes()
        pack.write_bytes(raw[:-200])
        refused = None
        with clock.held_at(clock.now() + timedelta(days=2)):
            try:
                mine.tending.collect(SAM, dry_run=False)
            except (BackendError, NotFoundError) as error:
                refused = error
        if refused is None:  # the end that is gone was the footer alone
            assert list((tmp_path / "remote").glob("tombstones/*")) == []

    def test_the_remotes_are_listed_with_what_keeps_them_from_use(
        self, make: Make, tmp_path: Path
    ) -> None:
        mine = make("mine")
        assert [(p.name, p.datasets, p.problem) for p in mine.exchange.remotes(SAM)] == [
            ("team", (), "")
        ]
        mine.keep(a="0")
        mine.push()
        assert mine.exchange.remotes(SAM)[0].datasets == ("notes",)
        shutil.rmtree(tmp_path / "remote")
        assert "does not exist" in mine.exchange.remotes(SAM)[0].problem


class TestOverHttp:
    """Against a real S3 server: requests are few, interruptions harmless, secrets unseen."""

    @pytest.mark.slow
    def test_a_push_of_very_many_files_that_changes_nothing_takes_a_handful_of_requests(
        self, make: Make, bucket: str, s3_server: S3Server
    ) -> None:
        mine = make("mine", bucket)
        held = [mine.state.blobs.put(b"%d" % number) for number in range(10)]

        def version(number: int, changed: int) -> None:
            entries = (
                Entry(f"{n:06}.txt", held[(n + (n == changed)) % 10], 1) for n in range(200_000)
            )
            with mine.state.blobs.batch() as batch:
                root = manifest.build(entries, batch)
            made = DatasetVersion(
                name="many",
                version=number,
                digest=root,
                path="many",
                files=200_000,
                size=200_000,
                parents=(number - 1,) if number > 1 else (),
                taken_by="sam",
                taken_at=clock.now(),
            )
            with mine.state.write(SAM, "data.write") as unit:
                table.insert(unit.connection, made)
                table.point(unit.connection, "many", "main", number)
                unit.emit("data-version.kept", f"data:many@{number}")

        version(1, -1)
        mine.push()
        with s3_server.recorded() as requests:
            assert mine.push().branches == {}
        assert [request.method for request in requests] == ["GET"]
        version(2, 100_000)
        with s3_server.recorded() as requests:
            assert mine.push().moved.blobs == 3  # a shard, the root, the version's record
        written = [request.path.split("/")[3] for request in requests if request.method == "PUT"]
        assert written == ["packs", "indexes", "refs"]
        assert len(requests) <= 13

    def test_a_pull_that_changes_nothing_takes_a_handful_of_requests(
        self, make: Make, bucket: str, s3_server: S3Server
    ) -> None:
        mine, theirs = make("mine", bucket), make("theirs", bucket)
        mine.keep(**{f"n{number}": str(number) for number in range(200)})
        mine.push()
        with s3_server.recorded() as requests:
            theirs.pull()
        assert len(requests) <= 12
        with s3_server.recorded() as requests:
            theirs.pull()
        assert [request.method for request in requests] == ["GET"] * 5

    def test_bad_credentials_and_read_only_places_are_told_and_change_nothing(
        self, make: Make, bucket: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine = make("mine", bucket)
        mine.keep(a="0")
        with s3_server.answering(lambda request: "403 InvalidAccessKeyId"):
            assert refusal(mine.push)[0] == refusal(mine.pull)[0] == "remote-refused"
        with s3_server.answering(lambda r: "403 AccessDenied" if r.method == "PUT" else None):
            assert refusal(mine.push)[0] == "remote-refused"
        with s3_server.answering(lambda request: "503 SlowDown"):
            assert refusal(mine.push)[0] == "remote-failed"
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("TRUEUP_RETRIES", "0")
        assert refusal(mine.push)[0] == "remote-unreachable"

    def test_no_secret_is_kept_or_told(
        self, make: Make, bucket: str, tmp_path: Path, s3_server: S3Server
    ) -> None:
        mine, theirs = make("mine", bucket), make("theirs", bucket)
        mine.keep(a="0")
        mine.push()
        theirs.pull()
        with s3_server.answering(lambda request: "400 Malformed"):
            refusal(mine.push)
        assert [path for path in tmp_path.rglob("*") if path.is_file() and holds(path, KEY)] == []

    @pytest.mark.slow
    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
    def test_a_push_that_was_stopped_goes_on(
        self,
        make: Make,
        bucket: str,
        s3_server: S3Server,
        small_packs: None,
        how: signal.Signals,
    ) -> None:
        mine, theirs = make("mine", bucket), make("theirs", bucket)
        self.write_much(mine)
        with s3_server.recorded() as requests:
            stopped = self.stop(s3_server, mine, "push", how, after=4)
        assert stopped == (-signal.SIGKILL if how == signal.SIGKILL else 130)
        finished = {request.path for request in requests if sent(request)}
        with s3_server.recorded() as requests:
            mine.push()
        again = {request.path for request in requests if sent(request)}
        # What was under way when it was stopped may be sent again: no more than go at once.
        assert len(finished & again) <= 3
        assert len(finished | again) >= 7
        theirs.pull()
        assert theirs.texts() == mine.texts()
        assert mine.tending.verify(SAM) == []

    @pytest.mark.slow
    def test_a_pull_that_was_killed_goes_on(
        self, make: Make, bucket: str, s3_server: S3Server, small_packs: None
    ) -> None:
        mine, theirs = make("mine", bucket), make("theirs", bucket)
        self.write_much(mine)
        mine.push()
        with s3_server.recorded() as requests:
            assert self.stop(s3_server, theirs, "pull", signal.SIGKILL, after=5) < 0
        first = [request for request in requests if got(request)]
        with s3_server.recorded() as requests:
            theirs.pull()
        rest = [request for request in requests if got(request)]
        assert theirs.texts() == mine.texts()
        assert theirs.datasets.verify(SAM).broken == ()
        fresh = make("fresh", bucket)
        with s3_server.recorded() as requests:
            fresh.pull()
        whole = [request for request in requests if got(request)]
        # Packs that had arrived are not fetched again, but for those under way.
        assert len(first) + len(rest) <= len(whole) + 6
        assert len(rest) < len(whole)

    @pytest.fixture
    def small_packs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Several packs of little data, as in the process that is stopped."""
        monkeypatch.setattr(packs, "FULL", 300_000)

    def write_much(self, project: Project) -> None:
        rng = random.Random(3)
        project.write(big="".join(rng.choices("0123456789abcdef", k=4_300_000)))
        project.keep(**{f"n{number}": str(rng.random()) * 500 for number in range(30)})

    def stop(
        self, server: S3Server, project: Project, verb: str, how: signal.Signals, after: int
    ) -> int:
        """Run a verb in a process that is stopped when so many packs were asked for."""
        with server.answering(slow):
            process = subprocess.Popen(
                [sys.executable, str(CHILD), str(project.root), verb], stdout=subprocess.PIPE
            )
            until = time.monotonic() + 60
            while (
                len([r for r in server.requests if sent(r) or got(r)]) < after
                and process.poll() is None
                and time.monotonic() < until
            ):
                time.sleep(0.005)
            process.send_signal(how)
            code = process.wait(30)
        assert process.stdout is not None
        assert b"done" not in process.stdout.read(), "it was over before it was stopped"
        process.stdout.close()
        return code


def slow(request: Any) -> None:
    """Lets a request through after a while."""
    time.sleep(0.02)


def sent(request: Any) -> bool:
    return request.method == "PUT" and "/packs/" in request.path


def got(request: Any) -> bool:
    return request.method == "GET" and "/packs/" in request.path


def holds(path: Path, secret: str) -> bool:
    return secret.encode() in path.read_bytes()
