"""`trueup run`: a pipeline from fresh snapshots to a registered candidate."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from trueup.app.ci import surroundings
from trueup.doors.cli import plan
from trueup.doors.cli.run import preview as run_preview
from trueup.doors.cli.run import series_options as run_series_options
from trueup.doors.cli.run.progress import Steps
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.doors.cli.terminal.parameters import a_share, pairs, parameter_option
from trueup.foundation.text import plural, seconds
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.runs.records import RunOptions

if TYPE_CHECKING:
    from trueup.app.running.training import Trained
    from trueup.app.wiring import Workspace
    from trueup.doors.cli.run.series_options import Many
    from trueup.foundation.actor import Actor
    from trueup.lifecycle.runs.records import Metric


@click.command(cls=Command, example="trueup run example -p strength=0.1")
@click.argument("pipeline", required=False, default="")
@parameter_option
@click.option("--dry-run", is_flag=True, help="Say what would run and why; run nothing.")
@click.option("--check", is_flag=True, help="Look for all that is wrong; run nothing.")
@click.option(
    "--allow-dirty",
    is_flag=True,
    help="Run although files differ from the commit; the run will say so.",
)
@click.option(
    "--from", "from_step", default="", metavar="STEP", help="Run this step and what follows again."
)
@click.option("--only", "only_step", default="", metavar="STEP", help="Run this step alone.")
@click.option(
    "--workers",
    default=0,
    type=click.IntRange(0),
    metavar="N",
    help="How many steps may run at once; as many as there are cores if left out.",
)
@click.option(
    "--engine",
    default=RunOptions().engine,
    metavar="URL",
    show_default=True,
    help="Where steps are carried out.",
)
@click.option(
    "--logs/--no-logs",
    default=None,
    help="Show all that steps print; without a terminal this is so by itself.",
)
@click.option(
    "--verify-cache",
    default="0",
    metavar="SHARE",
    help="Compute this share of the reused results again and compare, such as 5%.",
)
@click.option("--share", is_flag=True, help="Share the results through the project's remote.")
@click.option(
    "--server",
    default="",
    metavar="URL",
    help="Have it run by a Trueup server, and end as it ends.",
)
@click.option("--wait/--no-wait", default=True, help="Wait for the run of a server.")
@run_series_options.options
@output.as_option
@output.json_option
def command(
    pipeline: str,
    given: tuple[str, ...],
    dry_run: bool,
    check: bool,
    allow_dirty: bool,
    from_step: str,
    only_step: str,
    workers: int,
    engine: str,
    logs: bool | None,
    verify_cache: str,
    share: bool,
    server: str,
    wait: bool,
    speaker: str,
    as_json: bool,
    many: Many,
) -> int:
    """Run a pipeline and register what it makes.

    PIPELINE may be left out when there is one. Takes snapshots of the data, reuses every step
    whose code and inputs did not change, and registers the candidate as a new model version.
    """
    if server:
        from trueup.doors.cli.run import elsewhere as run_elsewhere

        here_alone = [check, dry_run, from_step, only_step, workers, share, verify_cache != "0"]
        is_plain = not any(here_alone) and not many._replace(partitions="").is_wanted
        asked = run_elsewhere.Asked(pipeline, given, many.partitions, is_plain)
        return run_elsewhere.command(server, asked, wait=wait, as_json=as_json)
    options = RunOptions(
        engine=engine,
        workers=workers,
        from_step=from_step,
        only_step=only_step,
        verify_cache=a_share(verify_cache),
        share=share or None,
    )
    with output.here() as workspace:
        if check:
            run_preview.check(workspace, pipeline, pairs(given), as_json)
            return 0
        found = discovery.find(workspace.root, pipeline)
        if many.is_wanted:
            from trueup.app.running.series import How
            from trueup.doors.cli.run import series as run_series

            actor = workspace.speaking_as(speaker)
            if not dry_run:
                _require_plan(workspace, actor)
            how = How(
                pipeline=found.name,
                actor=actor,
                options=options,
                allow_dirty=allow_dirty,
                cause=surroundings.cause(os.environ),
            )
            run_series.perform(workspace, found, pairs(given), many, how, dry_run, as_json)
            return 0
        parameters = found.parse(pairs(given))
        if dry_run:
            from trueup.app.running import previewing

            would = previewing.of_run(
                workspace,
                workspace.owner,
                found,
                parameters,
                options,
                lambda told: output.say("{}", told.notice),
            )
            run_preview.show(would, as_json)
            return 0
        from trueup.app.running.training import train

        actor = workspace.speaking_as(speaker)
        _require_plan(workspace, actor)
        for lost in workspace.runs.mark_lost(actor):
            output.say("{} had died without a word; what it finished is reused.", lost.ref)
        with Steps(logs=logs) as told:
            trained = train(
                workspace,
                actor,
                found.name,
                parameters,
                cause=surroundings.cause(os.environ),
                options=options,
                allow_dirty=allow_dirty,
                progress=told.tell,
            )
        metrics = workspace.runs.metrics(actor, trained.run.id)
    if as_json:
        output.emit_json({"run": trained.run, "version": trained.version, "metrics": metrics})
        return 0
    _report(trained, metrics, told)
    return 0


def _require_plan(workspace: Workspace, actor: Actor) -> None:
    adopted = plan.in_force(workspace, actor)
    if adopted is None:
        adopted = plan.adopt_file(workspace, actor)
        output.say("Plan {} is in force from now on.", adopted.version)
    elif different := plan.difference(workspace, adopted):
        from trueup.lifecycle.plan import service as plans

        plans.read(workspace.root)  # a file with an error must not pass as a mere difference
        output.say("[yellow]note:[/] {}: {}", different, "trueup plan adopt")


def _report(trained: Trained, metrics: tuple[Metric, ...], told: Steps) -> None:
    run, version = trained
    took = (run.ended_at - run.started_at).total_seconds() if run.ended_at else 0.0
    output.say(
        "\n{} finished in {}: {} ran, {} reused{}.{}",
        run.ref,
        seconds(took),
        plural(told.ran, "step"),
        told.reused,
        f", {told.skipped} skipped" if told.skipped else "",
        " Files differed from the commit." if run.dirty else "",
    )
    if metrics:
        output.say("")
        output.table(("step", "metric", "value"), [(m.step, m.name, m.value) for m in metrics])
    if version is not None:
        output.say("")
        from rich.text import Text

        words = "new version  " if version.manifest.run == run.id else "version as before  "
        output.show(Text.assemble(words, (version.ref, "bold")))
        output.next_step(f"trueup check {version.ref}", f"trueup runs show {run.ref}")
    else:
        output.next_step(f"trueup runs show {run.ref}")
