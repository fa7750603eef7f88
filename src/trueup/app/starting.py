"""Starting a project: the files of `starter/`, a few lines in `.gitignore`, one commit; or nothing.

Everything that could fail is tried before the first file is written, and what was written is
removed again when the commit fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib import resources
from pathlib import Path

from trueup.foundation import clock
from trueup.foundation.configuration import FILE, HOME
from trueup.foundation.errors import BackendError, ConflictError, MissingExtraError, UsageError
from trueup.foundation.records import Record
from trueup.foundation.text import listing
from trueup.lifecycle.pipeline.code import source

IGNORED = (f"{HOME}/", "__pycache__/", ".venv/", "reports/")
_TEMPLATES = (FILE, "pipelines/example.py", "tests/test_example.py")
_DATA = "data/lumps.csv"
_COLUMNS = {
    "mean radius": "radius",
    "mean texture": "texture",
    "mean smoothness": "smoothness",
    "mean concavity": "concavity",
    "mean symmetry": "symmetry",
}
_DUE = timedelta(days=30)


class Started(Record):
    """What `trueup init` did.

    Attributes:
        root: The project's folder.
        written: The files, relative to it.
        commit: The commit that holds them; empty when none was made.
    """

    root: Path
    written: tuple[str, ...]
    commit: str


def start(root: Path, *, commit: bool = True) -> Started:
    """Write a plan, an example pipeline, its data and its test, and commit exactly these files.

    Raises:
        UsageError: The folder is in no Git repository, or Git does not know who commits.
        ConflictError: A file is there already, or `.gitignore` holds changes of somebody else.
        BackendError: A file could not be written, or the commit failed; nothing is left behind.
    """
    root = root.resolve()
    _require_repository(root)
    contents = _contents(root)
    _refuse_to_overwrite(root, contents)
    if commit:
        _require_committer(root)
        _require_untouched_gitignore(root)
    ignore = root / ".gitignore"
    before = ignore.read_text(encoding="utf-8") if ignore.exists() else None
    contents[".gitignore"] = _with_ignored(before or "")
    if contents[".gitignore"] == before:
        del contents[".gitignore"]
    with _all_or_nothing(root, list(contents), before):
        for name, text in contents.items():
            _write(root / name, text)
        made = _commit(root, list(contents)) if commit else ""
    return Started(root=root, written=tuple(sorted(contents)), commit=made)


def _contents(root: Path) -> dict[str, str]:
    starter = resources.files("trueup.app") / "starter"
    texts = {name: (starter / name).read_text(encoding="utf-8") for name in _TEMPLATES}
    due = (clock.now() + _DUE).date().isoformat()
    texts[FILE] = texts[FILE].replace("{{name}}", _project_name(root)).replace("{{due}}", due)
    return texts | {_DATA: _lumps()}


def _lumps() -> str:
    """The Wisconsin breast cancer data that scikit-learn carries: 569 real lumps."""
    try:
        from sklearn.datasets import load_breast_cancer
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "sklearn") from error
    bunch = load_breast_cancer()
    places = [list(bunch.feature_names).index(name) for name in _COLUMNS]
    rows = [",".join([*_COLUMNS.values(), "malignant"])]
    for values, target in zip(bunch.data, bunch.target, strict=True):
        rows.append(",".join([*(f"{values[i]:g}" for i in places), str(1 - int(target))]))
    return "\n".join(rows) + "\n"


def _project_name(root: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", root.name)[:100].strip("-._") or "project"


def _require_repository(root: Path) -> None:
    if not source.is_repository(root):
        raise UsageError(
            "git-no-repository",
            f"The folder {root} is in no Git repository, and Trueup traces code by commits.",
            hint="git init",
        )


def _refuse_to_overwrite(root: Path, contents: dict[str, str]) -> None:
    if (root / FILE).exists():
        raise ConflictError(
            "project-exists",
            f"There is already a project here: {root / FILE}.",
            hint="trueup status",
        )
    present = [name for name in contents if (root / name).exists()]
    if present:
        raise ConflictError(
            "init-would-overwrite",
            f"{listing(present)} {'is' if len(present) == 1 else 'are'} there already, "
            "and init overwrites nothing.",
            hint=f"move {present[0]} away:  git mv {present[0]} {_aside(present[0])}",
        )


def _aside(name: str) -> str:
    path = Path(name)
    return str(path.with_name(f"{path.stem}-mine{path.suffix}"))


def _require_committer(root: Path) -> None:
    if _git(root, "var", "GIT_COMMITTER_IDENT").returncode:
        raise UsageError(
            "git-identity",
            "Git does not know who you are, so nothing can be committed.",
            hint='git config user.name "Your Name" && git config user.email you@example.org',
        )


def _require_untouched_gitignore(root: Path) -> None:
    status = _git(root, "status", "--porcelain", "--", ".gitignore").stdout
    if status.strip():
        raise ConflictError(
            "init-gitignore-changed",
            "The file .gitignore has changes that are not committed, and init adds lines to it.",
            hint='git add .gitignore && git commit -m "Ignore files" -- .gitignore',
        )


def _with_ignored(text: str) -> str:
    lines = text.splitlines()
    missing = [entry for entry in IGNORED if entry not in (line.strip() for line in lines)]
    return "\n".join([*lines, *missing]) + "\n" if missing else text


@contextmanager
def _all_or_nothing(root: Path, names: list[str], gitignore: str | None) -> Iterator[None]:
    existed = {folder for name in names for folder in (root / name).parents if folder.exists()}
    try:
        yield
    except BaseException:
        _git(root, "reset", "--quiet", "--", *names)
        for name in names:
            path = root / name
            if name == ".gitignore" and gitignore is not None:
                path.write_text(gitignore, encoding="utf-8")
            else:
                with suppress(OSError):  # a file in place of its folder: there is nothing to undo
                    path.unlink()
            if path.parent not in existed and path.parent.is_dir():
                shutil.rmtree(path.parent)
        raise


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BackendError(
            "folder-not-writable",
            f"The file {path} cannot be written: {error.strerror or error}.",
            hint=f"ls -ld '{path.parent}'",
        ) from error


def _commit(root: Path, names: list[str]) -> str:
    for arguments in (
        ("add", "--", *names),
        ("commit", "--quiet", "-m", "Start a Trueup project", "--", *names),
    ):
        done = _git(root, *arguments)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            raise BackendError(
                "git-commit-failed",
                f"Git refused the commit: {said[-1].rstrip('.')}. Nothing was written.",
                hint="trueup init --no-commit",
            )
    return source.read(root).commit


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Git with the user's own settings and hooks, for what is done in the user's name."""
    program = shutil.which("git") or "git"
    return subprocess.run(  # noqa: S603 - a fixed program, no shell
        [program, "-C", str(root), *arguments],
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        env=os.environ | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
        stdin=subprocess.DEVNULL,
    )
