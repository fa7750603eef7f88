"""The code of a run is kept whole: commit, changes, new files, and what it reached elsewhere."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from trueup.backends.blobs.local import Backend
from trueup.foundation.errors import BackendError
from trueup.lifecycle.pipeline.code import capturing, source
from trueup.lifecycle.pipeline.code.capturing import Code


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Kim", "-c", "user.email=kim@example.com"]
    done = subprocess.run(
        ["git", "-C", str(root), *identity, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def blobs(tmp_path: Path) -> Backend:
    return Backend(f"local://{tmp_path / 'blobs'}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in a folder of a repository."""
    made = tmp_path / "repository" / "project"
    made.mkdir(parents=True)
    (made / "a.py").write_bytes(b"A = 1\r\n")
    (made / "binary").write_bytes(bytes(range(256)))
    (made / "gone.py").write_text("")
    (made / ".gitignore").write_text("ignored*\n.trueup/\n")
    git(made.parent, "init", "-q")
    git(made.parent, "add", ".")
    git(made.parent, "commit", "-qm", "start")
    return made


def capture(blobs: Backend, root: Path, *reached: Path) -> Code:
    origin = source.read(root)
    files = [str(file) for file in reached]
    return capturing.read(
        blobs,
        capturing.capture(blobs, root, origin.commit, dirty=origin.is_dirty, reached=files),
    )


def restored(blobs: Backend, code: Code, root: Path) -> dict[str, bytes]:
    target = root.parents[1] / "built"
    built = capturing.restore(blobs, code, root, target)
    files = [file for file in built.rglob("*") if file.is_file() and ".git" not in file.parts]
    return {file.relative_to(built).as_posix(): file.read_bytes() for file in files}


def test_a_clean_tree_is_its_commit(blobs: Backend, root: Path) -> None:
    code = capture(blobs, root)
    assert (code.commit, code.folder) == (git(root, "rev-parse", "HEAD"), "project")
    assert (code.diff, code.files) == ("", {})
    assert restored(blobs, code, root).keys() == {"a.py", "binary", "gone.py", ".gitignore"}


def test_a_dirty_tree_is_built_again_byte_by_byte(blobs: Backend, root: Path) -> None:
    (root / "a.py").write_bytes(b"A = 2\r\nB = 3\n")
    (root / "binary").write_bytes(bytes(reversed(range(256))))
    (root / "gone.py").unlink()
    (root / "staged.py").write_text("S = 1")
    git(root, "add", "staged.py")
    (root / "new ü.py").write_text("N = 1")
    (root / "tool.sh").write_text("#!/bin/sh")
    (root / "tool.sh").chmod(0o755)
    (root / "ignored.txt").write_text("secret")
    code = capture(blobs, root)
    (root / "a.py").write_text("later")
    found = restored(blobs, code, root)
    assert found == {
        ".gitignore": (root / ".gitignore").read_bytes(),
        "a.py": b"A = 2\r\nB = 3\n",
        "binary": bytes(reversed(range(256))),
        "staged.py": b"S = 1",
        "new ü.py": b"N = 1",
        "tool.sh": b"#!/bin/sh",
    }
    assert (root.parents[1] / "built" / "project" / "tool.sh").stat().st_mode & 0o111


def test_files_that_the_code_reached_count_although_git_ignores_them(
    blobs: Backend, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "ignored.py").write_text("I = 1")
    (tmp_path / "elsewhere" / "lib").mkdir(parents=True)
    (tmp_path / "elsewhere" / "lib" / "far.py").write_text("F = 1")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    importlib.import_module("lib.far")
    code = capture(blobs, root, root / "ignored.py")
    del sys.modules["lib.far"], sys.modules["lib"]
    assert (code.diff, set(code.files)) == ("", {"ignored.py"})
    assert "lib/far.py" in code.outside
    assert restored(blobs, code, root)["ignored.py"] == b"I = 1"
    capturing.restore_outside(blobs, code, tmp_path / "imports")
    assert (tmp_path / "imports" / "lib" / "far.py").read_text() == "F = 1"


def test_packages_of_a_virtual_environment_are_not_kept_as_code(blobs: Backend, root: Path) -> None:
    (root / "tools").mkdir()
    (root / "tools/new.py").write_text("x = 1\n")
    (root / "tools/env/lib").mkdir(parents=True)
    (root / "tools/env/pyvenv.cfg").write_text("home = /usr/bin\n")
    (root / "tools/env/lib/package.py").write_text("y = 2\n")
    found = capture(blobs, root).files
    assert "tools/new.py" in found
    assert not [name for name in found if "env" in name]


def test_a_large_new_file_is_named_and_left_out(
    blobs: Backend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capturing, "LARGEST", 10)
    (root / "new.csv").write_text("x" * 11)
    code = capture(blobs, root)
    assert (code.files, code.left_out) == ({}, {"new.csv": 11})


def test_a_commit_that_is_gone_is_named(blobs: Backend, root: Path, tmp_path: Path) -> None:
    with pytest.raises(BackendError) as caught:
        capturing.restore(blobs, Code(commit="0" * 40), root, tmp_path / "built")
    assert caught.value.code == "git-failed"


@pytest.mark.parametrize("name", ["../out.py", "/tmp/out.py", "link/out.py"])
def test_a_record_that_leads_out_of_the_folder_writes_nothing_there(
    blobs: Backend, root: Path, tmp_path: Path, name: str
) -> None:
    (root / "link").symlink_to(tmp_path)
    git(root, "add", ".")
    git(root, "commit", "-qm", "link")
    head = git(root, "rev-parse", "HEAD")
    code = Code(commit=head, folder="project", files={name: blobs.put(b"x")})
    with pytest.raises(BackendError) as caught:
        capturing.restore(blobs, code, root, tmp_path / "built")
    assert caught.value.code == "code-damaged"
    assert not (tmp_path / "out.py").exists()
