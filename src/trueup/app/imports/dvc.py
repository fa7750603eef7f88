"""Importing: the outputs of a DVC repository become dataset versions, with their Git history."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import UsageError
from trueup.foundation.references import check_name
from trueup.foundation.text import listing, plural
from trueup.lifecycle.data.dvc import layout
from trueup.lifecycle.data.dvc.layout import Output
from trueup.lifecycle.data.dvc.records import Imported, Missing
from trueup.lifecycle.data.dvc.repository import Repository, open_repository
from trueup.lifecycle.data.dvc.service import Wanted
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.pipeline.code import source


class _Stated(NamedTuple):
    """An output as one commit states it; no commit is the work tree."""

    output: Output
    commit: str = ""
    message: str = ""


def import_dvc(
    workspace: Workspace,
    actor: Actor,
    path: Path,
    *,
    name: str = "",
    history: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Imported:
    """Make every output that DVC keeps at or below a place a version of a dataset.

    Args:
        workspace: The project.
        actor: Who.
        path: A DVC repository, a folder in one, or one `.dvc` file.
        name: Name of the dataset, when there is one output.
        history: Whether to make one version per commit that changed an output.
        progress: Told the size of every file that was kept.

    Raises:
        NotFoundError: There is nothing at the path.
        UsageError: It is no DVC repository, holds no output, or a name is given to several.
    """
    repository = open_repository(path)
    found, skipped = repository.outputs(path.resolve())
    if not found and not skipped:
        raise UsageError(
            "dvc-no-outputs",
            f"'{path}' declares no output: it has no .dvc file and no dvc.lock.",
            hint="dvc list . --dvc-only",
        )
    places = _places(workspace, actor, repository, found, name)
    stated = _history(repository, path.resolve(), places) if history else iter(map(_Stated, found))
    versions: list[DatasetVersion] = []
    known: list[str] = []
    missing: list[Missing] = []
    for each in stated:
        there, where, is_here = places[each.output.path]
        wanted = Wanted(each.output, there, where, each.message, is_here)
        taken = workspace.dvc_outputs.take(actor, repository, wanted, workspace.root, progress)
        if taken.version is None:
            missing.append(_missing(repository, each, taken.missing))
        elif taken.is_new:
            versions.append(taken.version)
        else:
            known.append(taken.version.ref)
    return Imported(
        versions=tuple(versions),
        known=tuple(dict.fromkeys(known)),
        missing=tuple(missing),
        skipped=tuple(skipped),
    )


def _missing(repository: Repository, each: _Stated, files: int) -> Missing:
    fetch = "dvc fetch --all-commits" if each.commit else f"dvc pull '{each.output.path}'"
    return Missing(
        path=each.output.path,
        files=max(files, 0),
        commit=each.commit,
        mend=f"cd '{repository.top}' && {fetch}",
    )


def _places(
    workspace: Workspace, actor: Actor, repository: Repository, found: list[Output], name: str
) -> Mapping[str, tuple[str, str, bool]]:
    """For each output: name of the dataset, its path in the project, whether it lies there."""
    if name and len(found) != 1:
        raise UsageError(
            "dvc-several-outputs",
            f"One name was given to {plural(len(found), 'output')}: "
            f"{listing([output.path for output in found[:5]])}.",
            hint="trueup data import PATH.dvc --name NAME   (one .dvc file)",
        )
    root = workspace.root.resolve()
    by_path = {
        PurePosixPath(there).as_posix(): called
        for called, there in workspace.datasets.paths(actor).items()
    }
    short = {output.path: _short(output.path) for output in found}
    times = Counter(short.values())
    places = {}
    for output in found:
        place = repository.top / output.path
        is_here = place.is_relative_to(root)
        where = place.relative_to(root).as_posix() if is_here else ""
        called = name or by_path.get(where, "")
        if not called:
            called = short[output.path]
            called = called if times[called] == 1 else _long(output.path)
        check_name(called, "dataset")
        suffix = "" if output.is_folder else PurePosixPath(output.path).suffix
        places[output.path] = (called, where or f"data/{called}{suffix}", is_here)
    return places


def _history(
    repository: Repository, below: Path, places: Mapping[str, object]
) -> Iterator[_Stated]:
    """Each output of the present, as every commit that changed it states it, oldest first."""
    for declared, _ in repository.declarations(below):
        last: dict[str, str] = {}
        for commit, message, text in _commits(repository.top, declared):
            for output in layout.outputs(text, declared)[0]:
                if output.path in places and last.get(output.path) != output.md5:
                    last[output.path] = output.md5
                    yield _Stated(output, commit, message)
        # What the work tree states may not be committed yet.
        for output in layout.outputs((repository.top / declared).read_text("utf-8"), declared)[0]:
            if last.get(output.path) != output.md5:
                yield _Stated(output)


def _commits(top: Path, declared: str) -> Iterator[tuple[str, str, str]]:
    """Every commit that changed a file: its name, its words, and the file as it left it."""
    shown = "--format=%H%x1f%an%x1f%ad%x1f%s%x1e"
    asked = ("log", "--reverse", "--date=short", shown, "--diff-filter=AM", "--", declared)
    done = source.run(top, *asked)
    if done.returncode:
        raise source.failed(top, done.stderr.decode(errors="replace"))
    for line in done.stdout.decode(errors="replace").split("\x1e"):
        if not line.strip():
            continue
        commit, author, date, subject = line.strip().split("\x1f")
        text = source.run(top, "show", f"{commit}:./{declared}")
        if text.returncode:
            raise source.failed(top, text.stderr.decode(errors="replace"))
        message = f"{subject} ({author}, {date}, commit {commit[:12]})"
        yield commit, message, text.stdout.decode(errors="replace")


def _short(path: str) -> str:
    last = PurePosixPath(path)
    return _legal(last.stem if last.suffix else last.name)


def _long(path: str) -> str:
    return _legal(path.removesuffix(PurePosixPath(path).suffix).replace("/", "-"))


def _legal(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:100].strip("-._") or "data"
