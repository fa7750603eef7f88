"""Runs that their own code reports, as `trueup runs` lists and shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trueup.doors.cli.terminal import output
from trueup.foundation.errors import NotFoundError
from trueup.foundation.text import did_you_mean, seconds
from trueup.lifecycle.runs.tracking.records import Experiment, TrackedRun
from trueup.rendering import words

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace


def newest(
    workspace: Workspace, experiment: str, state: str, limit: int
) -> tuple[list[TrackedRun], dict[int, str]]:
    """The newest tracked runs, and the names of experiments by number.

    Raises:
        NotFoundError: There is no experiment of that name.
    """
    from trueup.lifecycle.runs.tracking.reading import Columns

    actor = workspace.owner
    names = {group.number: group.name for group in workspace.overview.groups(actor)}
    if experiment and experiment not in names.values():
        raise NotFoundError(
            "experiment-not-found",
            f"There is no experiment '{experiment}'.{did_you_mean(experiment, names.values())}",
            hint="trueup runs experiments",
        )
    wanted = [number for number, name in names.items() if experiment in ("", name)]
    where = f"attributes.status = '{_WIRE.get(state, state.upper())}'" if state else ""
    if not wanted:
        return [], names
    bare = Columns(metrics=frozenset(), params=frozenset(), tags=frozenset(), has_inputs=False)
    found = workspace.search.runs(actor, wanted, where=where, limit=limit, columns=bare)
    return list(found.runs), names


def show_list(runs: list[TrackedRun], names: dict[int, str]) -> None:
    """Print tracked runs as a table."""
    output.table(
        ("run", "experiment", "name", "state", "took", "started", "by"),
        [
            (
                run.ref,
                names.get(run.experiment, str(run.experiment)),
                run.name,
                output.state(run.state),
                _took(run),
                _moment(run.started_at),
                run.user,
            )
            for run in runs
        ],
    )


def show(run: TrackedRun, experiment: Experiment) -> None:
    """Print one tracked run."""
    title = output.state(run.state)
    title.append(f"  {run.ref}  {run.name}", style="not dim")
    output.show(title)
    tags = run.tags
    commit = tags.get("mlflow.source.git.commit", "")[:7]
    differs = " and files that differ from it" if tags.get("trueup.dirty") == "true" else ""
    output.facts(
        {
            "experiment": experiment.name,
            "started": f"{words.moment(_moment(run.started_at))} by {run.user}",
            "took": _took(run),
            "commit": f"{commit}{differs}" if commit else "",
            "inside": " ".join(filter(None, (tags.get("trueup.run"), tags.get("trueup.step")))),
            "died": tags.get("trueup.died", ""),
            "not kept": f"{tags['trueup.points.missed']} points" if _MISSED in tags else "",
        }
    )
    if run.params:
        output.blank()
        output.table(("parameter", "value"), sorted(run.params.items()))
    if run.metrics:
        output.blank()
        output.table(
            ("metric", "last value", "at step"), [(m.key, m.value, m.step) for m in run.metrics]
        )


_MISSED = "trueup.points.missed"
# How the grammar of searches, which is MLflow's, calls our states.
_WIRE = {"lost": "KILLED", "interrupted": "KILLED"}


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _took(run: TrackedRun) -> str:
    return "" if run.ended_at is None else seconds((run.ended_at - run.started_at) / 1000)
