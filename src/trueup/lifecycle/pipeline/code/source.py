"""The project's Git repository, read through the `git` program: commit and changed files.

Whether a dirty tree is refused or only noted is the caller's decision. `capturing.py` keeps what
differs, so that a dirty run can be rebuilt.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from trueup.foundation.errors import BackendError, UsageError
from trueup.lifecycle.pipeline.records import Source

_SECONDS = 20
# A repository's own settings must not make a read run a program of its choice.
_HARMLESS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
Standing = Literal["tracked", "untracked", "ignored"]
# What stands before the path in a line of `git status --porcelain=v2`.
_FIELDS = {"1": 8, "2": 9, "u": 10, "?": 1}


def read(root: Path, without: Iterable[str] = ()) -> Source:
    """The commit that is checked out, and what differs from it below `root`: one call of Git.

    Ignored files do not count, nor do virtual environments: packages are captured by name.

    Args:
        root: The project's folder.
        without: Files and folders in it that do not count either, such as those of datasets.

    Raises:
        UsageError: Git is not installed, `root` is in no repository, or it has no commit.
        BackendError: Git failed or did not answer.
    """
    shown = ("status", "--porcelain=v2", "--branch", "-z", "--no-renames", "--", ".")
    left_out = (f":(exclude,literal){path}" for path in without if _lies_in(root, path))
    done = run(root, *shown, *left_out)
    told = done.stderr.decode(errors="replace")
    if done.returncode and "not a git repository" in told:
        raise UsageError(
            "git-no-repository",
            f"The project {root} is in no Git repository, so its code could not be traced later.",
            hint=f"cd '{root}' && git init && git add . && git commit -m start",
        )
    if done.returncode:
        raise failed(root, told)
    commit, changed = "", []
    for line in os.fsdecode(done.stdout).split("\0"):
        if line.startswith("# branch.oid "):
            commit = line.removeprefix("# branch.oid ")
        elif line[:1] in _FIELDS:
            name = line.split(" ", _FIELDS[line[0]])[-1]
            if not (line[0] == "?" and name.endswith("/") and is_environment(top_of(root) / name)):
                changed.append(name)
    if not commit or commit == "(initial)":
        raise UsageError(
            "git-no-commits",
            f"The Git repository of {root} has no commit yet.",
            hint=f"cd '{root}' && git add . && git commit -m start",
        )
    return Source(commit=commit, changed=tuple(sorted(changed)))


def standing_of(root: Path, path: str) -> Standing:
    """What Git makes of a place below `root`: it holds files of it, or would add them, or neither.

    A place without a repository, or a machine without Git, is the third.
    """
    shown = ("ls-files", "-t", "-z", "--cached", "--others", "--exclude-standard", "--directory")
    try:
        done = run(root, *shown, "--", f":(literal){path}")
    except (BackendError, UsageError):
        return "ignored"
    listed = done.stdout.split(b"\0") if not done.returncode else []
    if any(line.startswith(b"H ") for line in listed):
        return "tracked"
    return "untracked" if any(line.startswith(b"? ") for line in listed) else "ignored"


def is_environment(folder: Path) -> bool:
    """Whether a folder is a virtual environment, which holds packages and no code of a project."""
    return (folder / "pyvenv.cfg").is_file()


def commit(root: Path) -> str:
    """The commit that is checked out, without a look at the files.

    Raises:
        UsageError: There is no commit yet, or no repository.
        BackendError: Git did not answer.
    """
    done = run(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    return os.fsdecode(done.stdout).strip() or read(root).commit


def remote_commit(root: Path, branch: str, remote: str = "origin") -> str:
    """The commit that a branch of the remote repository is at; empty when there is none.

    Raises:
        UsageError: Git is not installed.
        BackendError: The remote repository could not be asked within the time limit.
    """
    done = run(root, "ls-remote", "--", remote, f"refs/heads/{branch}")
    if done.returncode:
        raise failed(root, done.stderr.decode(errors="replace"))
    return os.fsdecode(done.stdout).partition("\t")[0].strip()


def is_repository(root: Path) -> bool:
    """Whether `root` lies in the working tree of a Git repository.

    Raises:
        UsageError: Git is not installed.
        BackendError: Git refuses the repository or did not answer.
    """
    done = run(root, "rev-parse", "--is-inside-work-tree")
    told = done.stderr.decode(errors="replace")
    if done.returncode and "not a git repository" not in told:
        raise failed(root, told)
    return done.stdout.strip() == b"true"


def top_of(root: Path) -> Path:
    """The top folder of the repository that `root` lies in; `root` itself if it lies in none."""
    root = root.resolve()
    return next((f for f in (root, *root.parents) if (f / ".git").exists()), root)


def folder_of(root: Path) -> str:
    """The project's folder, seen from the top of its repository; empty when it is the top."""
    root = root.resolve()
    inside = root.relative_to(top_of(root)).as_posix()
    return "" if inside == "." else inside


def run(root: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Call Git in a folder; its own settings run nothing.

    Raises:
        UsageError: Git is not installed.
        BackendError: Git did not answer.
    """
    program = shutil.which("git")
    if program is None:
        raise UsageError(
            "git-missing",
            "The program 'git' is not installed or not on the PATH.",
            hint="apt-get install git",
        )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        return subprocess.run(  # noqa: S603 - a fixed program, no shell
            [program, *_HARMLESS, "-C", str(root), *arguments],
            capture_output=True,
            check=False,
            env=environment,
            input=given,
            timeout=_SECONDS,
            start_new_session=True,  # nothing it starts can ask for a password on the terminal
        )
    except subprocess.TimeoutExpired as error:
        raise failed(root, f"no answer within {_SECONDS} s") from error
    except OSError as error:
        raise failed(root, str(error)) from error


def _lies_in(root: Path, path: str) -> bool:
    """Whether a path is below the project's folder; Git knows no others."""
    return Path(os.path.normpath(root / path)).is_relative_to(root)


def failed(root: Path, detail: str) -> BackendError:
    """The error for a repository that Git could not read."""
    first = detail.strip().splitlines()[0] if detail.strip() else "no reason given"
    return BackendError(
        "git-failed",
        f"Git could not read the repository of {root}: {first}.",
        hint=f"git -C '{root}' status",
    )
