"""A Git repository for the demo's project, by the `git` command."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from trueup.foundation.errors import BackendError, UsageError

# The demo's commits are its own: they do not depend on who runs it.
_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ana",
    "GIT_AUTHOR_EMAIL": "ana@flights.example",
    "GIT_COMMITTER_NAME": "Ana",
    "GIT_COMMITTER_EMAIL": "ana@flights.example",
}


def commit_all(folder: Path, message: str) -> None:
    """Make `folder` a repository and commit what is in it; nothing to commit is fine."""
    if not (folder / ".git").exists():
        _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "add", "--all")
    if _git(folder, "status", "--porcelain"):
        _git(folder, "commit", "--quiet", "--no-gpg-sign", "--message", message)


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=folder,
            env={**os.environ, **_IDENTITY},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError(
            "git-missing",
            "Trueup needs the `git` command, which is not installed.",
            hint="apt-get install git   (or: brew install git)",
        ) from error
    if done.returncode:
        raise BackendError(
            "git-failed",
            f"git {arguments[0]} failed in {folder}: {done.stderr.strip() or done.stdout.strip()}",
            hint=f"git -C '{folder}' status",
        )
    return done.stdout
