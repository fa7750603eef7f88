"""`trueup predict`: answers for all rows of a table, by chunk; it goes on where it was stopped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.text import plural, seconds

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.lifecycle.serving.batch.records import Batch, Checkpoint, Order
    from trueup.lifecycle.serving.batch.sources import Source

_EVERY_SECONDS: Final = 10.0


@click.command(
    cls=Command, example="trueup predict clinic --input rows.parquet --output scores.parquet"
)
@click.argument("target", metavar="DEPLOYMENT|MODEL@V")
@click.option("--input", "input_", required=True, metavar="PLACE", help="File, folder, glob, URL.")
@click.option("--output", "output_", required=True, metavar="PLACE", help="File or folder to make.")
@click.option("--query", default="", metavar="SELECT", help="What to ask a database.")
@click.option("--key", default="", metavar="COLUMN", help="Of a query: differs in every row.")
@click.option("--keep", default="", metavar="COLUMNS", help="Input columns to hand on: a,b or *.")
@click.option("--chunk-rows", default=65_536, show_default=True, type=click.IntRange(1, 10_000_000))
@click.option("--at", default="", metavar="MOMENT", help="What the predictions are about; now.")
@click.option("--entity", default="", metavar="COLUMN", help="Whom a row is about.")
@click.option(
    "--on-bad",
    default="fail",
    show_default=True,
    type=click.Choice(["fail", "skip", "report"]),
    help="What becomes of rows that do not fit.",
)
@click.option("--no-record", is_flag=True, help="Leave a deployment's journal as it is.")
@click.option("--dry-run", is_flag=True, help="Answer the first chunk and write nothing.")
@output.as_option
@output.json_option
def command(
    target: str,
    input_: str,
    output_: str,
    query: str,
    key: str,
    keep: str,
    chunk_rows: int,
    at: str,
    entity: str,
    on_bad: Any,
    no_record: bool,
    dry_run: bool,
    speaker: str,
    as_json: bool,
) -> None:
    """Answer every row of a file, a folder or a query.

    A deployment answers with what is released there, and its predictions are recorded as those of
    its server. Of a MODEL@V nothing is recorded. Stopped at any point, the same command goes on.
    """
    from trueup.doors.cli.prediction import parse_moment
    from trueup.lifecycle.serving.batch.records import Order
    from trueup.lifecycle.serving.batch.sources import Files
    from trueup.lifecycle.serving.batch.sql import Query, is_address

    source = Query(input_, query, key) if is_address(input_) else Files(input_)
    order = Order(
        output=output_,
        keep=tuple(filter(None, (name.strip() for name in keep.split(",")))),
        chunk_rows=chunk_rows,
        on_bad=on_bad,
        at=parse_moment("--at", at) if at else None,
        entity=entity,
    )
    with output.here() as workspace, _Bar() as bar:
        done = _predict(workspace, speaker, target, source, order, no_record, dry_run, bar)
    if as_json:
        output.emit_json(done)
        return
    _show(done, is_trial=dry_run)


def _predict(
    workspace: Workspace,
    speaker: str,
    target: str,
    source: Source,
    order: Order,
    no_record: bool,
    dry_run: bool,
    bar: _Bar,
) -> Batch:
    actor = workspace.speaking_as(speaker)
    planned = workspace.plans.current(workspace.owner).plan.deployments
    if target in planned or target.startswith("deployment:"):
        return workspace.batches.of_deployment(
            actor,
            of_kind(target, "deployment").name,
            source,
            order,
            is_recorded=not no_record,
            is_trial=dry_run,
            tell=bar.tell,
        )
    wanted = of_kind(target, "model")
    return workspace.batches.of_version(
        actor, wanted.name, wanted.selector, source, order, is_trial=dry_run, tell=bar.tell
    )


def _show(done: Batch, *, is_trial: bool) -> None:
    if done.note:
        output.say("{}", done.note)
    output.heading("Would be answered" if is_trial else done.output, ", ".join(done.models))
    rate = f"{done.rows / done.seconds:,.0f} rows/s" if done.seconds else ""
    rows = plural(done.rows, "row")
    output.facts(
        {
            "rows": f"{rows} of the first chunk" if is_trial else rows,
            "rows of the input": done.total,
            "left out": plural(done.bad, "row") + (f", see {done.report}" if done.report else "")
            if done.bad
            else None,
            "took": ", ".join(filter(None, [seconds(done.seconds), rate])),
            "went on": "behind what an interrupted call had done" if done.resumed else None,
            "recorded": f"as predictions of {done.target}" if done.recorded else "nowhere",
        }
    )
    if done.recorded:
        output.next_step(f"trueup prediction list --deployment {done.target}")
    else:
        output.next_step(f"trueup model show {done.models[0]}")


class _Bar:
    """How far it is: a line that changes on a terminal, a plain one now and then else."""

    def __init__(self) -> None:
        self._told = time.monotonic()
        self._status = (
            output.words.status("reading the first rows …") if output.words.is_terminal else None
        )

    def __enter__(self) -> _Bar:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._status is not None:
            self._status.stop()

    def tell(self, state: Checkpoint, total: int | None) -> None:
        """Say it."""
        now = time.monotonic()
        rate = state.read / state.seconds if state.seconds else 0.0
        line = f"{state.read:,} rows, {rate:,.0f} rows/s"
        if total and rate:
            share = state.read / total
            bar = "█" * int(20 * share) + "░" * (20 - int(20 * share))
            line = f"{bar} {share:4.0%}  {line}, {seconds((total - state.read) / rate)} left"
        if self._status is not None:
            self._status.update(line)
        elif now - self._told > _EVERY_SECONDS:
            self._told = now
            output.say("{}", line)
