"""`trueup check data`: rows by checks of their own, with or without a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output, tabled
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import GateFailedError, UsageError
from trueup.foundation.text import did_you_mean, plural

if TYPE_CHECKING:
    import polars as pl

    from trueup.lifecycle.data.schemas.records import Schema as SchemaFile
    from trueup.lifecycle.gates.records import CheckResult
    from trueup.lifecycle.gates.surveying import Survey
    from trueup.lifecycle.plan.demands import AnyDemand

_FINDINGS = 25
_FAMILIES = ("schema", "leakage", "conflicts", "outliers", "privacy", "drift")


@click.command(cls=Command, example="trueup check data flights.parquet --label late")
@click.argument("source", metavar="FILE|data:NAME@VERSION")
@click.option("--schema", default="", metavar="FILE", help="Its schema, if not schemas/NAME.toml.")
@click.option("--label", default="", metavar="COLUMN", help="The column that is predicted.")
@click.option("--time", default="", metavar="COLUMN", help="The moment that a row is about.")
@click.option(
    "--trained-on",
    default="",
    metavar="FILE|data:NAME@VERSION",
    help="Rows that a model learned from: none of them may be here.",
)
@click.option(
    "--against",
    default="",
    metavar="FILE|data:NAME@VERSION",
    help="Rows as they were: has any column drifted since?",
)
@click.option(
    "--environment",
    default="training",
    show_default=True,
    help="What the rows are for: rows for serving have no label.",
)
@click.option(
    "--table",
    "tables",
    multiple=True,
    metavar="NAME=FILE",
    help="Another table that the schema refers to.",
)
@click.option(
    "--only", multiple=True, type=click.Choice(_FAMILIES), help="Ask this only; may be repeated."
)
@click.option("--junit", default="", metavar="FILE", help="Write the findings as JUnit XML.")
@click.option("--html", default="", metavar="FILE", help="Write a self-contained report.")
@output.json_option
def command(
    source: str,
    schema: str,
    label: str,
    time: str,
    trained_on: str,
    against: str,
    environment: str,
    tables: tuple[str, ...],
    only: tuple[str, ...],
    junit: str,
    html: str,
    as_json: bool,
) -> int:
    """Check rows: their schema, leakage, conflicts, outliers, personal data, drift.

    Without options it asks what can be asked of the rows alone, and says what the other checks
    need. The exit code is 0 when no check refuses the rows and 6 when one does. No report holds a
    value of a row.
    """
    from dataclasses import replace

    from trueup.foundation import clock
    from trueup.lifecycle.data.schemas import files
    from trueup.lifecycle.gates.samples import Sample
    from trueup.lifecycle.gates.surveying import survey

    with tabled.opened(source) as table:
        known, place = _schema(schema, table.dataset)
        if known is not None and environment == "training":
            label = label or files.label_of(known)
        _check_columns(table.rows, label=label, time=time)
        sample = Sample(
            name=table.shown,
            rows=table.rows,
            label=label,
            reference=_rows(trained_on) if trained_on else None,
            tables=_tables(tables, known),
            environment=environment,
            at=clock.now(),
        )
    is_compared = against and (not only or "drift" in only)
    before = replace(sample, reference=_rows(against)) if is_compared else None
    demands, absent = _asked(sample, place, time, only, source)
    if before is None and (not only or "drift" in only):
        absent.append(_without_reference())
    found = survey(sample, demands, absent, before)
    _write(found, junit, html)
    exit_code = 0 if found.passed else GateFailedError.exit_code
    if as_json:
        output.emit_json({"outcome": found.outcome, "survey": found})
        return exit_code
    show(found)
    if found.passed:
        missing = [result.check for result in found.results if result.outcome == "not-applicable"]
        steps = [f"trueup data schema infer {source}"] if "schema" in missing else []
        output.next_step(*(steps or [f"trueup data add {source}"]))
    else:
        output.next_step(f"trueup check data {source} --html report.html")
    return exit_code


def _schema(named: str, dataset: str) -> tuple[SchemaFile | None, Path | None]:
    """The schema of the rows: the file that was named, or the one of the dataset's name."""
    from trueup.lifecycle.data.schemas import files

    place = Path(named) if named else tabled.home() / files.place(dataset)
    if not named and not place.exists():
        return None, None
    return files.read(place, named or files.place(dataset)), place


def _check_columns(rows: pl.DataFrame, **named: str) -> None:
    for option, name in named.items():
        if name and name not in rows.columns:
            near = did_you_mean(name, rows.columns[:1000])
            raise UsageError(
                "column-unknown",
                f"--{option} names the column '{name}', and there is none of that name.{near}",
                hint="trueup check data FILE",
            )


def _rows(text: str) -> pl.DataFrame:
    with tabled.opened(text) as table:
        return table.rows


def _tables(given: tuple[str, ...], schema: SchemaFile | None) -> dict[str, pl.DataFrame]:
    """Other tables: those that were named, and datasets of the project that the schema names."""
    found = {}
    for text in given:
        name, _, file = text.partition("=")
        if not file:
            raise UsageError(
                "table-unnamed",
                f"--table {text} is not of the form NAME=FILE.",
                hint="trueup check data FILE --table airlines=airlines.csv",
            )
        found[name] = _rows(file)
    wanted = {reference.table for reference in schema.references} if schema else set()
    for name in sorted(wanted - found.keys()):
        if (rows := _of_project(name)) is not None:
            found[name] = rows
    return found


def _of_project(name: str) -> pl.DataFrame | None:
    """The newest version of a dataset; None where there is no project, or none of that name."""
    from trueup.foundation import configuration
    from trueup.foundation.errors import NotFoundError

    if not (tabled.home() / configuration.FILE).exists():
        return None
    try:
        return _rows(f"data:{name}")
    except NotFoundError:
        return None


def _asked(
    sample: object, place: Path | None, time: str, only: tuple[str, ...], source: str
) -> tuple[list[AnyDemand], list[CheckResult]]:
    """What is asked, and what cannot be, each with what it needs."""
    from trueup.lifecycle.gates.records import CheckResult
    from trueup.lifecycle.plan import data_demands, demands

    asked: list[AnyDemand] = [
        demands.Leakage(time=time),
        data_demands.Conflicts(),
        data_demands.Outliers(),
        data_demands.Privacy(),
    ]
    absent = []
    if place is not None:
        text = place.read_text(encoding="utf-8")
        environment = getattr(sample, "environment", "training")
        asked.insert(0, data_demands.Schema(file=place.name, text=text, environment=environment))
    else:
        words = f"there is no schema; trueup data schema infer {source} makes one"
        absent.append(CheckResult(check="schema", outcome="not-applicable", words=words))
    wanted = set(only or _FAMILIES)
    return (
        [demand for demand in asked if demands.kind_of(demand) in wanted],
        [result for result in absent if result.check in wanted],
    )


def _without_reference() -> CheckResult:
    from trueup.lifecycle.gates.records import CheckResult

    words = "there are no rows to compare with; --against FILE names them"
    return CheckResult(check="drift", outcome="not-applicable", words=words)


def _write(found: Survey, junit: str, html: str) -> None:
    from trueup.app.ci import survey
    from trueup.foundation import clock
    from trueup.rendering import junit as as_junit

    if junit:
        title = f"data checks of {found.name}"
        output.write_file(junit, as_junit.xml(title, survey.cases(found), clock.now()))
    if html:
        output.write_file(html, survey.page(found, clock.now()))


def show(found: Survey) -> None:
    """Print what was found: every check, then what is wrong, column by column."""
    from trueup.app.ci.survey import shown_as

    title = output.state(found.outcome)
    title.append(f"  {found.name}", style="not dim")
    size = f"{plural(found.rows, 'row')}, {plural(found.columns, 'column')}"
    label = f", label {found.label}" if found.label else ""
    title.append(f"  {size}{label}", style="dim")
    output.show(title)
    output.blank()
    output.table(
        ("check", "outcome", "finding"),
        [(result.check, output.state(shown_as(result)), result.words) for result in found.results],
        whole=2,
    )
    bad = [
        (shown_as(result, part.outcome), f"{result.check}  {part.name}: {part.words}")
        for result in found.results
        for part in result.parts
        if part.outcome not in ("passed", "not-applicable")
    ]
    if bad:
        output.blank()
        output.findings(bad[:_FINDINGS])
    if len(bad) > _FINDINGS:
        output.say("… and {} more: --html FILE shows them.", f"{len(bad) - _FINDINGS:,}")
