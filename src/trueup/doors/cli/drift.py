"""`trueup drift`: what has changed between two tables, and what their rows could have shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import GateFailedError, UsageError
from trueup.foundation.text import plural

if TYPE_CHECKING:
    from trueup.lifecycle.gates.drift.evidently import EvidentlyReport
    from trueup.lifecycle.gates.drift.records import ColumnDrift, DriftReport
    from trueup.lifecycle.gates.drift.tables import Table

_ROWS: Final = 40
_SENTENCES: Final = 12
_QUIET: Final = ("unchanged", "not-compared")


@click.command(cls=Command, example="trueup drift before.parquet now.parquet")
@click.argument("reference", metavar="REFERENCE")
@click.argument("current", metavar="CURRENT")
@click.option("--columns", default="", metavar="COLUMN,…", help="Compare these columns only.")
@click.option("--ignore", default="", metavar="COLUMN,…", help="Leave these columns out.")
@click.option(
    "--effect",
    default=0.05,
    show_default=True,
    type=float,
    help="Smallest share of a column's rows whose change matters.",
)
@click.option(
    "--false-alarms",
    default=0.05,
    show_default=True,
    type=float,
    help="Chance of any alarm if nothing changed, over all columns together.",
)
@click.option(
    "--multivariate",
    is_flag=True,
    help="Also ask whether a classifier tells the two tables apart.",
)
@click.option(
    "--rules",
    default="trueup",
    type=click.Choice(["trueup", "evidently"]),
    show_default=True,
    help="Judge as Evidently's DataDriftPreset would, to compare the numbers.",
)
@click.option(
    "--fail-on",
    default="never",
    type=click.Choice(["never", "changed", "not-enough-data"]),
    show_default=True,
    help="Exit code 6 if a column changed, or also if the rows are too few to tell.",
)
@click.option("--html", default="", metavar="FILE", help="Also write a self-contained report.")
@output.json_option
def command(
    reference: str,
    current: str,
    columns: str,
    ignore: str,
    effect: float,
    false_alarms: float,
    multivariate: bool,
    rules: str,
    fail_on: str,
    html: str,
    as_json: bool,
) -> int:
    """Say what has changed between two tables, column by column.

    REFERENCE and CURRENT are files (Parquet, CSV, Arrow), folders of them, or versions of a dataset
    such as data:flights@3. Every row counts; a few columns are in memory at a time.

    A column has changed when the test says so, corrected for how many were asked, and at least
    --effect of its rows are elsewhere. If these rows could not have shown such a change, the answer
    is not "unchanged" but "not enough data".
    """
    only, without = _names(columns), _names(ignore)
    if rules == "evidently":
        if html or multivariate or fail_on == "not-enough-data":
            raise UsageError(
                "options-contradict",
                "--rules evidently reproduces numbers, and has no report, classifier or amount of "
                "data that would do.",
                hint=f"{_called(reference, current)} --rules evidently",
            )
        return _as_evidently(reference, current, only, without, fail_on, as_json=as_json)
    from trueup.lifecycle.gates.drift import comparing
    from trueup.lifecycle.gates.drift.records import Limits

    limits = Limits(effect=effect, false_alarms=false_alarms)
    with _opened(reference) as before, _opened(current) as now:
        report = comparing.compare(before, now, limits, only, without)
        if multivariate:
            from trueup.lifecycle.gates.drift import together

            found = together.tell_apart(before, now, limits, only, without)
            report = together.joined(report, found)
    if html:
        from trueup.lifecycle.gates.drift import page

        output.write_file(html, page.html(report))
    failing = {"never": (), "changed": ("changed",)}.get(fail_on, ("changed", "not-enough-data"))
    exit_code = GateFailedError.exit_code if report.verdict in failing else 0
    if as_json:
        output.emit_json(report)
        return exit_code
    show(report)
    if html:
        output.say("Written to {}.", html)
    else:
        output.next_step(f"{_called(reference, current)} --html drift.html")
    return exit_code


def show(report: DriftReport) -> None:
    """Print a report: the outcome, a line for each column, and what stands out in words."""
    from trueup.rendering import words

    title = output.state(report.verdict)
    title.append(f"  {report.reference} → {report.current}", style="not dim")
    output.show(title)
    output.show(f"{report.words}.")
    output.blank()
    shown = report.columns[:_ROWS]
    output.table(
        ("column", "reference", "current", "test", "p", "moved", "shows", "verdict"),
        map(_row, shown),
    )
    if len(report.columns) > len(shown):
        output.show(f"… and {plural(len(report.columns) - len(shown), 'more column')}: --json")
    told = [column for column in report.columns if column.verdict not in _QUIET]
    told += [column for column in report.columns if column.verdict == "not-compared"]
    if told:
        output.blank()
        output.findings(
            (column.verdict, f"{column.name}: {column.words}") for column in told[:_SENTENCES]
        )
        if len(told) > _SENTENCES:
            output.show(f"  … and {len(told) - _SENTENCES:,} more")
    if report.together is not None:
        output.blank()
        output.findings([(report.together.verdict, report.together.words)])
    output.say(
        "\n{} beside {}, compared in {}. Moved: share of the rows that are elsewhere. Shows: the "
        "smallest share that these rows show in 80 of 100 cases; {} matters.",
        plural(report.rows_reference, "row"),
        f"{report.rows_current:,}",
        words.duration(report.seconds),
        words.percent(report.limits.effect),
    )


def _row(column: ColumnDrift) -> tuple[object, ...]:
    from trueup.rendering import sparks, words

    test = column.gravest
    picture = column.picture
    bars = sparks.two_bars(picture.reference, picture.current, most=14)
    if test is None:
        return column.name, *bars, None, None, None, None, output.state(column.verdict)
    what = test.method if test.what == "values" else f"{test.method}, missing"
    return (
        column.name,
        *bars,
        what,
        "< 1e-300" if test.adjusted < 1e-300 else f"{test.adjusted:.2g}",
        words.percent(test.effect),
        "nothing" if test.detectable is None else words.percent(test.detectable),
        output.state(column.verdict),
    )


def _as_evidently(
    reference: str,
    current: str,
    only: list[str],
    without: list[str],
    fail_on: str,
    *,
    as_json: bool,
) -> int:
    from trueup.lifecycle.gates.drift import evidently

    with _opened(reference) as before, _opened(current) as now:
        report = evidently.compare(before, now, only, without)
    exit_code = GateFailedError.exit_code if fail_on == "changed" and report.drifted else 0
    if as_json:
        output.emit_json(report)
        return exit_code
    _show_evidently(report)
    output.next_step(_called(reference, current))
    return exit_code


def _show_evidently(report: EvidentlyReport) -> None:
    from trueup.rendering import words

    output.heading(f"{report.reference} → {report.current}", "by the rules of Evidently")
    compared = sum(bool(column.test) for column in report.columns)
    answer = "detected" if report.dataset_drift else "not detected"
    output.show(
        f"{report.drifted:,} of {plural(compared, 'column')} drifted "
        f"({words.percent(report.share)}): dataset drift {answer}."
    )
    output.blank()
    output.table(
        ("column", "type", "test", "score", "threshold", "drift"),
        (
            (
                column.name,
                column.type,
                column.test or column.words,
                None if column.score is None else f"{column.score:.6g}",
                column.threshold,
                ("drifted" if column.drifted else "no") if column.test else None,
            )
            for column in report.columns
        ),
    )


@contextmanager
def _opened(text: str) -> Iterator[Table]:
    """A file or folder, or a version of a dataset of this project."""
    from trueup.lifecycle.gates.drift import tables

    if not Path(text).exists() and ("@" in text or text.startswith("data:")):
        from trueup.doors.cli.terminal import sources

        with output.here() as workspace:
            version = sources.version(workspace, text)
            rows = workspace.datasets.load(workspace.owner, version)
        yield tables.of_frame(rows, version.ref)
        return
    with tables.opened(Path(text), text) as table:
        yield table


def _called(reference: str, current: str) -> str:
    return f"trueup drift {shlex.quote(reference)} {shlex.quote(current)}"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
