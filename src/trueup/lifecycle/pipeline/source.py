"""The project's Git repository, read through the `git` program: commit and changed files.

Whether a dirty tree is refused or only noted is the caller's decision.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from trueup.foundation.errors import BackendError, UsageError
from trueup.lifecycle.pipeline.records import Source

_SECONDS = 20
# A repository's own settings must not make a read run a program of its choice.
_HARMLESS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def read(root: Path) -> Source:
    """The commit that is checked out, and what differs from it below `root`.

    Raises:
        UsageError: Git is not installed, `root` is in no repository, or it has no commit.
        BackendError: Git failed or did not answer.
    """
    if not is_repository(root):
        raise UsageError(
            "git-no-repository",
            f"The project {root} is in no Git repository, so its code could not be traced later.",
            hint=f"cd '{root}' && git init && git add . && git commit -m start",
        )
    return Source(commit=commit(root), changed=changed(root))


def is_repository(root: Path) -> bool:
    """Whether `root` lies in the working tree of a Git repository.

    Raises:
        UsageError: Git is not installed.
        BackendError: Git refuses the repository or did not answer.
    """
    done = _git(root, "rev-parse", "--is-inside-work-tree")
    if done.returncode and "not a git repository" not in done.stderr:
        raise _failed(root, done.stderr)
    return done.stdout.strip() == "true"


def commit(root: Path) -> str:
    """The commit that is checked out.

    Raises:
        UsageError: There is no commit yet.
    """
    done = _git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if done.returncode:
        raise UsageError(
            "git-no-commits",
            f"The Git repository of {root} has no commit yet.",
            hint=f"cd '{root}' && git add . && git commit -m start",
        )
    return done.stdout.strip()


def remote_commit(root: Path, branch: str, remote: str = "origin") -> str:
    """The commit that a branch of the remote repository is at; empty when there is none.

    Raises:
        UsageError: Git is not installed.
        BackendError: The remote repository could not be asked within the time limit.
    """
    done = _git(root, "ls-remote", "--", remote, f"refs/heads/{branch}")
    if done.returncode:
        raise _failed(root, done.stderr)
    return done.stdout.partition("\t")[0].strip()


def is_dirty(root: Path) -> bool:
    """Whether anything below `root` differs from the commit."""
    return bool(changed(root))


def changed(root: Path) -> tuple[str, ...]:
    """Files below `root` that differ from the commit or are new; ignored ones do not count."""
    done = _git(root, "status", "--porcelain=v1", "-z", "--no-renames", "--", ".")
    if done.returncode:
        raise _failed(root, done.stderr)
    return tuple(sorted(line[3:] for line in done.stdout.split("\0") if line))


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
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
        return subprocess.run(  # noqa: S603 - a fixed program with fixed arguments, no shell
            [program, *_HARMLESS, "-C", str(root), *arguments],
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="surrogateescape",
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            start_new_session=True,  # nothing it starts can ask for a password on the terminal
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(root, f"no answer within {_SECONDS} s") from error
    except OSError as error:
        raise _failed(root, str(error)) from error


def _failed(root: Path, detail: str) -> BackendError:
    first = detail.strip().splitlines()[0] if detail.strip() else "no reason given"
    return BackendError(
        "git-failed",
        f"Git could not read the repository of {root}: {first}.",
        hint=f"git -C '{root}' status",
    )
