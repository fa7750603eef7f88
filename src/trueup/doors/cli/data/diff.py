"""`trueup data diff`: what differs between two states of data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from trueup.doors.cli.terminal import output, sources
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.text import plural, size
from trueup.lifecycle.data.difference.records import (
    ColumnChange,
    ColumnDifference,
    DataDifference,
    Effect,
    FileChange,
    RowSample,
    TableDifference,
)
from trueup.rendering import sparks, words

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.lifecycle.data.records import DatasetVersion

_FILES_SHOWN = 12
_SIGNS = {"added": ("+", "green"), "removed": ("−", "red"), "changed": ("~", "yellow")}
_SIGNS |= {"retyped": ("~", "yellow"), "renamed": ("→", "cyan")}
_TONES: dict[Effect, str] = {"small": "yellow", "moderate": "yellow", "large": "bold red"}


@click.command(cls=Command, example="trueup data diff data:lumps@1 data:lumps@2")
@click.argument("before", metavar="A")
@click.argument("after", metavar="[B]", default="")
@click.option("--key", default="", metavar="COLUMN,…", help="Columns that tell rows apart.")
@click.option(
    "--rows", default=0, type=click.IntRange(0, 1000), metavar="N", help="Show N rows of each kind."
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write a page that needs nothing else.",
)
@output.json_option
def command(before: str, after: str, key: str, rows: int, html: Path | None, as_json: bool) -> None:
    """Compare two states of data: files, columns, rows, cells, distributions.

    A and B are versions (data:flights@3, flights@3) or files and folders of the project. With A
    alone, its files in the work tree are compared with its newest version.
    """
    with output.here() as workspace:
        first, second = _sources(workspace, before, after)
        found = workspace.differences.compare(
            workspace.owner,
            first,
            second,
            workspace.root,
            key=[name.strip() for name in key.split(",") if name.strip()],
            rows=rows,
        )
    if html is not None:
        from trueup.doors.web import reports  # loads the web framework

        html.write_text(reports.data_difference(found, _again(before, after, key)), "utf-8")
    if as_json:
        output.emit_json(found)
        return
    show(found)
    sys.stdout.flush()
    took = words.duration(found.cost.seconds)
    output.say("Compared in {}, at most {} of memory.", took, size(found.cost.peak_bytes))
    if html is not None:
        output.say("Written to {}.", html)
    output.next_step(_next(found, first))


def show(found: DataDifference) -> None:
    """Print a difference."""
    output.heading(f"{found.before.label} → {found.after.label}")
    files = found.files
    output.show(
        f"\nfiles    {files.added:,} added, {files.removed:,} removed, {files.changed:,} changed, "
        f"{files.same:,} the same"
    )
    for change in files.listed[:_FILES_SHOWN]:
        output.show(_file(change))
    if len(files.listed) > _FILES_SHOWN:
        output.show(f"  … and {files.added + files.removed + files.changed - _FILES_SHOWN:,} more")
    if found.table is None:
        if files.listed:
            output.show(f"\nrows     not compared: {found.why_no_table}")
        return
    _table(found.table)


def _table(table: TableDifference) -> None:
    output.show(f"\nrows     {table.rows_before:,} → {table.rows_after:,}, {_matched(table)}")
    rows = table.rows
    for name, count in (
        ("added", rows.added),
        ("removed", rows.removed),
        ("changed", rows.changed),
    ):
        if count:
            output.show(_signed(name, f"{count:,} {name}"))
    output.show(f"  = {rows.same:,} the same")
    if table.schema:
        output.show("\ncolumns")
        for change in table.schema:
            output.show(_column(change))
    shown = [column for column in table.columns if _says_something(column)]
    if shown:
        output.blank()
        output.table(
            ("values", "changed", "missing", "mean", "before", "after", "shift", "PSI"),
            [_values(column, table) for column in shown],
        )
    if same := len(table.columns) - len(shown):
        output.show(f"\n{plural(same, 'column')} without any change" if shown else "")
    for sample in table.samples:
        output.show(_sample(sample))


def _matched(table: TableDifference) -> str:
    rows = table.rows
    if rows.matched == "content":
        return "matched by their whole content (no column tells rows apart)"
    said = f"matched by {', '.join(rows.key)}"
    said += " (found: unique in both)" if rows.matched == "found" else ""
    if rows.repeated:
        said += f"; {plural(rows.repeated, 'key')} more than once, there by content"
    return said


def _file(change: FileChange) -> Text:
    before = "" if change.size_before is None else size(change.size_before)
    after = "" if change.size_after is None else size(change.size_after)
    sizes = before if before == after else " → ".join(filter(None, (before, after)))
    return _signed(change.state, f"{change.path}  {sizes}")


def _column(change: ColumnChange) -> Text:
    text = {
        "added": f"{change.after}  {change.type_after}",
        "removed": f"{change.before}  {change.type_before}",
        "retyped": f"{change.after}  {change.type_before} → {change.type_after}",
        "renamed": f"{change.after}  was {change.before}: all its values are the same",
    }[change.state]
    return _signed(change.state, text)


def _says_something(column: ColumnDifference) -> bool:
    moved = column.distribution is not None and column.distribution.before != (
        column.distribution.after
    )
    return bool(column.changed) or moved or column.missing_before != column.missing_after


def _values(column: ColumnDifference, table: TableDifference) -> tuple[object, ...]:
    found = column.distribution
    pictures = (
        sparks.two_bars(found.shape_before, found.shape_after, most=14) if found else ("", "")
    )
    matched = table.rows.same + table.rows.changed
    changed = "" if column.changed is None else f"{column.changed:,}"
    if column.changed and matched:
        changed += f" ({words.percent(column.changed / matched)})"
    means = ""
    if column.mean_before is not None or column.mean_after is not None:
        means = f"{words.number(column.mean_before)} → {words.number(column.mean_after)}"
    return (
        column.name,
        changed,
        f"{column.missing_before:,} → {column.missing_after:,}",
        means,
        *pictures,
        Text(found.words, style=_TONES.get(found.effect, "dim")) if found else column.why_not,
        words.number(found.psi) if found else "",
    )


def _sample(sample: RowSample) -> Text:
    values = ", ".join(
        f"{name}={sample.was[name]} → {value}" if name in sample.was else f"{name}={value}"
        for name, value in sample.values.items()
    )
    return _signed(sample.state, values)


def _signed(state: str, words_: str) -> Text:
    sign, style = _SIGNS[state]
    return Text.assemble("  ", (sign, style), f" {words_}")


def _sources(
    workspace: Workspace, before: str, after: str
) -> tuple[DatasetVersion | str, DatasetVersion | str]:
    if after:
        return sources.source(workspace, before), sources.source(workspace, after)
    first = sources.source(workspace, before)
    if isinstance(first, str):
        known = {v.path: v for v in workspace.datasets.newest(workspace.owner)}
        newest = known.get(Path(first).as_posix().rstrip("/"))
        if newest is None:
            newest = sources.version(workspace, before)
        return newest, first
    return first, first.path


def _again(before: str, after: str, key: str) -> str:
    parts = ["trueup data diff", before, after, f"--key {key}" if key else ""]
    return " ".join(filter(None, parts))


def _next(found: DataDifference, first: DatasetVersion | str) -> str:
    if not found.after.digest and not isinstance(first, str) and not found.is_empty:
        return f"trueup data snapshot {first.name}"
    if not found.after.digest:
        return "trueup data list"
    return f"trueup why {found.after.label}"
