"""A DVC repository becomes dataset versions: nothing is copied twice, nothing is believed unread.

The repositories are laid out by hand as DVC 2.58.2 and DVC 3.67.1 laid out the same files; their
commands were run once and their files compared with these.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Literal

import pytest

from trueup.app.imports.dvc import import_dvc
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.lifecycle.data.dvc.records import Imported

Layout = Literal["2", "3"]
PLAN = '[project]\nname = "small"\nobjective = "Try things"\n'


def md5(raw: bytes) -> str:
    return hashlib.md5(raw, usedforsecurity=False).hexdigest()


class Dvc:
    """A repository of DVC, as the real one lays it out."""

    def __init__(self, top: Path, layout: Layout = "3") -> None:
        self.top, self.layout = top, layout
        self.cache = top / ".dvc/cache"
        self.cache.mkdir(parents=True)
        (top / ".dvc/config").write_text("[core]\n    analytics = false\n")

    def _keep(self, digest: str, raw: bytes) -> None:
        below = self.cache / "files/md5" if self.layout == "3" else self.cache
        place = below / digest[:2] / digest[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(raw)

    def _digest(self, raw: bytes) -> str:
        return md5(raw if self.layout == "3" else raw.replace(b"\r\n", b"\n"))

    def add(self, path: str, content: bytes | dict[str, bytes]) -> None:
        place = self.top / path
        if isinstance(content, bytes):
            digest = self._digest(content)
            self._keep(digest, content)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        else:
            listed = []
            for name, raw in sorted(content.items()):
                self._keep(self._digest(raw), raw)
                listed.append({"md5": self._digest(raw), "relpath": name})
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_bytes(raw)
            whole = json.dumps(listed, sort_keys=True).encode()
            digest = md5(whole) + ".dir"
            self._keep(digest, whole)
        kind = "  hash: md5\n" if self.layout == "3" else ""
        size = 1
        place.with_name(place.name + ".dvc").write_text(
            f"outs:\n- md5: {digest}\n  size: {size}\n{kind}  path: {place.name}\n"
        )

    def lose(self, raw: bytes) -> None:
        for place in self.cache.rglob(md5(raw)[2:]):
            place.unlink()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "project"
    root.mkdir()
    (root / "trueup.toml").write_text(PLAN)
    workspace = open_workspace(root)
    workspace.plans.adopt(workspace.owner, _plan(PLAN))
    return workspace


def _plan(text: str):  # type: ignore[no-untyped-def]
    from trueup.foundation import toml
    from trueup.lifecycle.plan.records import Plan

    return toml.parse(text, "trueup.toml", Plan)


def take(workspace: Workspace, path: Path, **options: object) -> Imported:
    return import_dvc(workspace, workspace.owner, path, **options)  # type: ignore[arg-type]


def files(workspace: Workspace, name: str, selector: str = "") -> dict[str, bytes]:
    version = workspace.datasets.show(workspace.owner, name, selector)
    return {
        entry.path: workspace.state.blobs.get(entry.digest)
        for entry in workspace.datasets.files(workspace.owner, version)
    }


@pytest.mark.parametrize("layout", ["2", "3"])
def test_every_output_becomes_a_version(layout: Layout, workspace: Workspace) -> None:
    dvc = Dvc(workspace.root, layout)
    dvc.add("data/one.csv", b"id,v\r\n1,2\r\n")
    folder = {"a.txt": b"a", "sub/b.txt": b"b\r\n"}
    dvc.add("data/folder", folder)
    (workspace.root / "data/folder/a.txt").chmod(0o755)
    found = take(workspace, workspace.root)
    assert [(v.ref, v.path, v.files, v.is_file) for v in found.versions] == [
        ("data:folder@1", "data/folder", 2, False),
        ("data:one@1", "data/one.csv", 1, True),
    ]
    assert files(workspace, "folder") == folder
    assert files(workspace, "one") == {"one.csv": b"id,v\r\n1,2\r\n"}
    entries = list(workspace.datasets.files(workspace.owner, found.versions[0]))
    assert [oct(entry.mode) for entry in entries] == ["0o100755", "0o100644"]
    assert found.versions[1].columns == {"id": "Int64", "v": "Int64"}
    # The work tree stands at what was taken: keeping it again is no new version.
    workspace.plans.current(workspace.owner)
    assert workspace.datasets.snapshot(workspace.owner, "one", workspace.root).version == 1


def test_no_plan_need_be_in_force(tmp_path: Path) -> None:
    (tmp_path / "trueup.toml").write_text(PLAN)
    Dvc(tmp_path).add("t.csv", b"a,b\n1,2\n")
    with open_workspace(tmp_path) as fresh:
        (version,) = import_dvc(fresh, fresh.owner, tmp_path).versions
    assert version.ref == "data:t@1"


def test_importing_again_takes_nothing(workspace: Workspace) -> None:
    Dvc(workspace.root).add("one.csv", b"id\n1\n")
    take(workspace, workspace.root)
    again = take(workspace, workspace.root)
    assert (again.versions, again.known) == ((), ("data:one@1",))


def test_a_lost_cache_entry_is_taken_from_the_work_tree_if_it_matches(
    workspace: Workspace,
) -> None:
    dvc = Dvc(workspace.root)
    dvc.add("folder", {"a": b"aa", "b": b"bb"})
    dvc.lose(b"aa")
    assert [v.ref for v in take(workspace, workspace.root).versions] == ["data:folder@1"]


def test_a_folder_whose_list_is_lost_is_taken_if_the_work_tree_is_that_folder(
    workspace: Workspace,
) -> None:
    dvc = Dvc(workspace.root)
    dvc.add("folder", {"a/x": b"aa", "b": b"bb"})
    for file in dvc.cache.rglob("*.dir"):
        file.unlink()
    assert files(workspace, take(workspace, workspace.root).versions[0].name)["a/x"] == b"aa"


def test_what_is_missing_is_listed_with_the_command_that_brings_it(workspace: Workspace) -> None:
    dvc = Dvc(workspace.root)
    dvc.add("folder", {"a": b"aa", "b": b"bb"})
    dvc.add("good.txt", b"good")
    dvc.lose(b"aa")
    (workspace.root / "folder/a").write_bytes(b"something else")
    found = take(workspace, workspace.root)
    assert [v.name for v in found.versions] == ["good"]
    lack = found.missing[0]
    assert (lack.path, lack.files) == ("folder", 1)
    assert lack.mend == f"cd '{workspace.root}' && dvc pull 'folder'"


def test_a_damaged_cache_entry_is_none(workspace: Workspace) -> None:
    dvc = Dvc(workspace.root)
    dvc.add("one.txt", b"right")
    (workspace.root / "one.txt").unlink()
    for place in dvc.cache.rglob(md5(b"right")[2:]):
        place.write_bytes(b"wrong")
    found = take(workspace, workspace.root)
    assert (found.versions, found.missing[0].files) == ((), 1)


def test_a_link_out_of_the_repository_is_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"mine")
    dvc = Dvc(workspace.root)
    dvc.add("one.txt", b"mine")
    dvc.lose(b"mine")
    (workspace.root / "one.txt").unlink()
    (workspace.root / "one.txt").symlink_to(secret)
    assert take(workspace, workspace.root).versions == ()


def test_links_into_the_cache_and_a_cache_elsewhere_are_dvcs_own(
    workspace: Workspace, tmp_path: Path
) -> None:
    dvc = Dvc(workspace.root)
    dvc.add("one.txt", b"mine")
    shared = tmp_path / "shared"
    dvc.cache.rename(shared)
    (workspace.root / ".dvc/config.local").write_text(f"[cache]\n    dir = {shared}\n")
    (workspace.root / "one.txt").unlink()
    (workspace.root / "one.txt").symlink_to(next(shared.rglob(md5(b"mine")[2:])))
    assert [v.ref for v in take(workspace, workspace.root).versions] == ["data:one@1"]


def test_a_repository_beside_the_project_is_taken_under_data(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    dvc = Dvc(tmp_path / "old")
    dvc.add("x/one.csv", b"id\n1\n")
    dvc.add("y/one.csv", b"id\n2\n")
    found = take(workspace, tmp_path / "old")
    assert [(v.ref, v.path) for v in found.versions] == [
        ("data:x-one@1", "data/x-one.csv"),
        ("data:y-one@1", "data/y-one.csv"),
    ]
    named = take(workspace, tmp_path / "old/x/one.csv.dvc", name="mine")
    assert [v.ref for v in named.versions] == ["data:mine@1"]
    with pytest.raises(UsageError) as caught:
        take(workspace, tmp_path / "old", name="mine")
    assert caught.value.code == "dvc-several-outputs"


def test_history_is_one_version_a_commit_with_its_words(workspace: Workspace) -> None:
    dvc = Dvc(workspace.root)
    git(workspace.root, "init", "--quiet")
    (workspace.root / ".gitignore").write_text("/.trueup\n/.dvc/cache\n/one.csv\n")
    for number, rows in enumerate((b"id\n1\n", b"id\n1\n2\n", b"id\n1\n"), 1):
        dvc.add("one.csv", rows)
        git(workspace.root, "add", ".")
        git(workspace.root, "commit", "--quiet", "-m", f"change {number}")
    dvc.add("one.csv", b"id\n9\n")
    found = take(workspace, workspace.root, history=True)
    said = [version.message.partition(" (")[0] for version in found.versions]
    assert said == ["change 1", "change 2", "change 3", ""]
    assert "(Olga, 2" in found.versions[0].message
    assert [version.rows for version in found.versions] == [1, 2, 1, 1]
    assert [version.parents for version in found.versions] == [(), (1,), (2,), (3,)]
    assert take(workspace, workspace.root, history=True).versions == ()


def test_a_place_without_dvc_is_said(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        take(workspace, tmp_path)
    assert caught.value.code == "dvc-no-repository"
    with pytest.raises(NotFoundError):
        take(workspace, tmp_path / "nothing")
    Dvc(workspace.root)
    with pytest.raises(UsageError) as caught:
        take(workspace, workspace.root)
    assert caught.value.code == "dvc-no-outputs"


def git(folder: Path, *arguments: str) -> None:
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Olga"), ("EMAIL", "olga@example.org"))
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        env=clean | who | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"},
    )
