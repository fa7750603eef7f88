"""`trueup import`: what other tools keep of runs and models."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation.text import plural, size

if TYPE_CHECKING:
    from trueup.app.imports.mlflow import Imported
    from trueup.lifecycle.runs.tracking.imports.records import Counts

_EVERY_SECONDS: Final = 10.0
_SHOWN: Final = 20
_NAMES: Final = {
    "experiment_tags": "tags of experiments",
    "params": "parameters",
    "points": "points of metrics",
    "datasets": "uses of datasets",
    "used_models": "uses of models",
    "bytes": "bytes of files",
    "logged_models": "logged models",
    "model_words": "their parameters and tags",
    "model_points": "their points",
    "names": "registered models",
    "name_tags": "their tags",
    "versions": "versions",
    "version_tags": "tags of versions",
    "stages": "versions in a stage",
}


@click.group(cls=Group)
def command() -> None:
    """Take over what other tools keep of runs and models."""


@command.command("mlflow", example="trueup import mlflow sqlite:///mlflow.db --dry-run")
@click.argument("uri", metavar="URI")
@click.option("--experiment", default="", metavar="NAME", help="Only this experiment.")
@click.option(
    "--files",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where files of runs lie, if not beside the database; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Only count what there is.")
@output.as_option
@output.json_option
def mlflow(
    uri: str,
    experiment: str,
    folders: tuple[Path, ...],
    dry_run: bool,
    speaker: str,
    as_json: bool,
) -> None:
    """Take over experiments, runs, metric history, files, models and aliases from MLflow.

    URI is a server (https://…), a SQLite file (sqlite:///mlflow.db) or a folder (mlruns); it is
    only read. Runs keep their identifiers. An import that was stopped goes on where it was, and one
    that is run again takes what is new. A server is asked with MLFLOW_TRACKING_TOKEN, or with
    MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, when they are set.
    """
    from trueup.app.imports.mlflow import import_mlflow, open_source

    with output.here() as workspace, open_source(uri, folders) as source, _Telling() as telling:
        done = import_mlflow(
            workspace,
            workspace.speaking_as(speaker),
            source,
            experiment=experiment,
            is_dry=dry_run,
            progress=telling.tell,
        )
    if as_json:
        output.emit_json(_plain(done))
    else:
        _show(done)
    if done.lacking and not done.not_taken:
        from trueup.foundation.errors import BackendError

        raise BackendError(
            "import-incomplete",
            f"Fewer are here than there: {', '.join(done.lacking)}.",
            hint=f"trueup import mlflow '{uri}'",
        )
    if dry_run:
        output.next_step(f"trueup import mlflow '{uri}'")
    else:
        output.next_step("trueup up", "trueup model list")


def _plain(done: Imported) -> dict[str, object]:
    from trueup.foundation.records import builtins

    plain: dict[str, object] = builtins(done)
    return {**plain, "lacking": done.lacking}


def _show(done: Imported) -> None:
    from trueup.foundation.records import builtins

    there = builtins(done.there)
    here = builtins(done.here) if done.here is not None else {}
    rows = [
        (
            _NAMES.get(kind, kind),
            count,
            *((here[kind], _verdict(count, here[kind])) if here else ()),
        )
        for kind, count in there.items()
        if count or here.get(kind)
    ]
    output.table(("what", "there", "here", "") if here else ("what", "there"), rows)
    if done.as_before:
        output.say("Already here: {}.", plural(done.as_before, "run"))
    for each in done.not_taken[:_SHOWN]:
        output.say("Not taken: {}: {}.", each.what, each.why.rstrip("."))
    if len(done.not_taken) > _SHOWN:
        output.say("… and {} more; --json lists all.", len(done.not_taken) - _SHOWN)


def _verdict(there: int, here: int) -> str:
    if here == there:
        return "all"
    return f"{there - here:,} not here" if here < there else f"{here - there:,} more here"


class _Telling:
    """How far an import is: a line that changes on a terminal, a plain one now and then else."""

    def __init__(self) -> None:
        self._told = time.monotonic()
        self._status = output.words.status("reading …") if output.words.is_terminal else None

    def __enter__(self) -> _Telling:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._status is not None:
            self._status.stop()

    def tell(self, seen: Counts) -> None:
        """Say what was seen so far."""
        line = (
            f"taking {plural(seen.runs, 'run')}, {plural(seen.points, 'point')}, "
            f"{plural(seen.files, 'file')} ({size(seen.bytes)})"
        )
        if self._status is not None:
            self._status.update(line)
        elif time.monotonic() - self._told > _EVERY_SECONDS:
            self._told = time.monotonic()
            output.say("{}", line)
