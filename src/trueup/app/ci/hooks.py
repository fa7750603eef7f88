"""Git hooks of a project: what is broken is not committed, what is not kept is not pushed."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

from trueup.foundation.errors import BackendError, ConflictError, UsageError
from trueup.foundation.text import size
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.pipeline.code import source
from trueup.lifecycle.plan import service as plans

MARK: Final = "# Written by: trueup git install"
HOOKS: Final = ("pre-commit", "pre-push")
_LARGE: Final = 5 << 20
_CALL: Final = "check "  # how a hook names a project


class Finding(NamedTuple):
    """Something that keeps a commit or a push from being sound, and what mends it."""

    words: str
    cure: str


def install(root: Path, *, chain: bool = False) -> list[Path]:
    """Write the hooks; those of Trueup that are there then check this project, too.

    Args:
        root: The project's folder.
        chain: Keep a hook of somebody else's and call it first.

    Raises:
        UsageError: The project is in no Git repository.
        ConflictError: A hook of somebody else's is there.
    """
    folder, inside = _folder(root), _inside(root)
    for name in HOOKS:
        other = folder / name
        if other.exists() and not _is_ours(other) and not chain:
            raise ConflictError(
                "git-hook-exists",
                f"{other} is there and is not Trueup's; nothing was written.",
                hint="trueup git install --chain    (calls the other one first)",
            )
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in HOOKS:
            path = folder / name
            known = _projects(path)
            if path.exists() and not _is_ours(path):
                path.rename(folder / f"{name}.before-trueup")
            _write(path, {*known, inside})
            written.append(path)
    except OSError as error:
        raise BackendError(
            "git-hook-not-written",
            f"The Git hooks in {folder} could not be written: {error.strerror or error}.",
            hint=f"ls -ld '{folder}'",
        ) from error
    return written


def uninstall(root: Path) -> list[Path]:
    """Check this project no more; the last one removes the hooks and puts back what was there."""
    folder, inside, removed = _folder(root), _inside(root), []
    for name in HOOKS:
        path, before = folder / name, folder / f"{name}.before-trueup"
        known = _projects(path)
        if inside not in known:
            continue
        removed.append(path)
        if others := known - {inside}:
            _write(path, others)
            continue
        path.unlink()
        if before.exists():
            before.rename(path)
    return removed


def check(root: Path, before: str) -> list[Finding]:
    """What is wrong with what would be committed (`commit`) or pushed (`push`).

    The plan and every pipeline must be readable and sound; data does not belong into Git.

    Raises:
        UsageError: The plan or a pipeline is not sound.
        UserCodeError: A pipeline file cannot be imported.
    """
    plan = plans.read(root)
    discovery.load(root)
    findings = []
    if before == "commit":
        places = [root / dataset.path for dataset in plan.datasets.values()]
        new = {path for path, _ in _staged(root, "A")}
        for path, length in _staged(root, "AM"):
            # What Git keeps of a dataset already was put there on purpose, as `trueup init` does.
            within = path in new and any(place in (path, *path.parents) for place in places)
            if within or length > _LARGE:
                shown = path.relative_to(root)
                what = "belongs to a dataset" if within else f"is {size(length)}"
                findings.append(
                    Finding(
                        f"{shown} {what}; data does not belong into Git.",
                        f"git rm --cached '{shown}'",
                    )
                )
    return findings


def _staged(root: Path, how: str) -> list[tuple[Path, int]]:
    """Files that are in the index by being added (`A`) or changed (`M`), with their sizes."""
    names = git(root, "diff", "--cached", "--name-only", f"--diff-filter={how}", "--relative", "-z")
    paths = [root / name for name in names.split("\0") if name]
    return [(path, path.stat().st_size) for path in paths if path.is_file()]


def _write(path: Path, projects: set[str]) -> None:
    aside = path.with_name(f"{path.name}.incoming")
    aside.write_text(_hook(path.name, projects), encoding="utf-8")
    aside.chmod(0o755)
    aside.rename(path)


def _hook(name: str, projects: set[str]) -> str:
    # Git runs hooks with sh at the top of the repository, whose projects may lie in its folders;
    # the interpreter is the one that installed them, while it is there.
    return (
        f"#!/bin/sh\n{MARK} (remove: trueup git uninstall)\n"
        f'before="$(dirname "$0")/{name}.before-trueup"\n'
        'if [ -x "$before" ]; then "$before" "$@" || exit $?; fi\n'
        f'python="{_quoted(sys.executable)}"\n'
        '[ -x "$python" ] || python=python3\n'
        "check() {\n"
        '    [ -f "$1/trueup.toml" ] || return 0\n'  # a branch without this project
        f'    (cd "$1" && "$python" -m trueup git check --before {name.removeprefix("pre-")})'
        " || exit $?\n"
        "}\n" + "".join(f"{_CALL}{shlex.quote(each)}\n" for each in sorted(projects))
    )


def _projects(hook: Path) -> set[str]:
    """The folders of the projects that a hook of ours checks; none for any other file."""
    if not hook.exists() or not _is_ours(hook):
        return set()
    lines = hook.read_text(encoding="utf-8").splitlines()
    return {shlex.split(line)[1] for line in lines if line.startswith(_CALL)}


def _inside(root: Path) -> str:
    """The project's folder, seen from the top of its repository."""
    return source.folder_of(root) or "."


def _quoted(path: str) -> str:
    return "".join(f"\\{letter}" if letter in '"\\$`' else letter for letter in path)


def _folder(root: Path) -> Path:
    if not source.is_repository(root):
        raise UsageError(
            "git-no-repository",
            f"The project {root} is in no Git repository.",
            hint=f"cd '{root}' && git init",
        )
    path = Path(git(root, "rev-parse", "--git-path", "hooks").strip())
    return path if path.is_absolute() else root / path


def _is_ours(path: Path) -> bool:
    mode = path.stat().st_mode
    return stat.S_ISREG(mode) and MARK in path.read_text(encoding="utf-8", errors="replace")


def git(root: Path, *arguments: str) -> str:
    """What a Git command prints.

    Raises:
        BackendError: It failed.
    """
    program = shutil.which("git") or "git"
    # The variables that Git sets for hooks stay: the index to look at may be another one.
    done = subprocess.run(  # noqa: S603 - a fixed program with fixed arguments, no shell
        [program, "-C", str(root), *arguments],
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="surrogateescape",
        env=os.environ | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
        stdin=subprocess.DEVNULL,
        timeout=20,
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[0] if done.stderr.strip() else "no reason given"
        raise BackendError(
            "git-failed",
            f"Git could not read the repository of {root}: {reason}.",
            hint=f"git -C '{root}' status",
        )
    return done.stdout
