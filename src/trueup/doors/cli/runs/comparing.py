"""`trueup runs compare`: runs side by side, parameters and metrics."""

from __future__ import annotations

import click
from rich.text import Text

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.text import seconds
from trueup.lifecycle.runs.series import rules
from trueup.lifecycle.runs.series.records import Compared, Comparison


@click.command("compare", cls=Command, example="trueup runs compare run:7k3f9qd2 run:m2x8w4ab")
@click.argument("references", nargs=-1, metavar="RUN...")
@click.option("--sweep", default="", metavar="ID", help="All finished runs of this sweep.")
@click.option(
    "--by", default="", metavar="METRIC[:max|min]", help="The best first, by this metric."
)
@output.json_option
def command(references: tuple[str, ...], sweep: str, by: str, as_json: bool) -> None:
    """Compare runs: the parameters in which they differ, and their metrics."""
    objective = rules.objective(by, direction) if by else None
    with output.here() as workspace:
        actor = workspace.owner
        ids = [of_kind(reference, "run").name for reference in references]
        if sweep:
            found = workspace.series.in_sweep(actor, sweep)
            if not found:
                raise NotFoundError(
                    "sweep-not-found",
                    f"No run belongs to a sweep '{sweep}'.",
                    hint="trueup runs list",
                )
            ids += [run.id for run in found if run.state == "finished"]
        if not ids:
            raise UsageError(
                "nothing-to-compare",
                "No run was named.",
                hint="trueup runs compare --sweep ID",
            )
        comparison = workspace.series.compare(actor, list(dict.fromkeys(ids)), objective)
    if as_json:
        output.emit_json(comparison)
        return
    show(comparison)
    output.next_step(f"trueup runs show {comparison.runs[0].ref}")


def show(comparison: Comparison) -> None:
    """The runs as a table; the best is marked."""
    columns = ("run", *comparison.parameters, *comparison.metrics, "state", "took")
    output.table(columns, [_row(comparison, run) for run in comparison.runs])


def direction(metric: str) -> str:
    """Which direction is better for a metric that Trueup knows; empty for others."""
    from trueup.statistics.metrics import METRICS  # loads NumPy and SciPy

    return METRICS[metric].better if metric in METRICS else ""


def _row(comparison: Comparison, run: Compared) -> tuple[object, ...]:
    is_best = run.run == comparison.best
    name = Text(f"{run.ref} best" if is_best else run.ref, style="bold" if is_best else "")
    return (
        name,
        *(run.parameters.get(parameter) for parameter in comparison.parameters),
        *(run.metrics.get(metric) for metric in comparison.metrics),
        output.state(run.state),
        "" if run.seconds is None else seconds(run.seconds),
    )
