"""`trueup diff`: what differs between two model versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from trueup.app.comparing.records import CodeChange, DatasetChange, MetricChange, VersionDifference
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.digests import PREFIX, short
from trueup.foundation.text import plural
from trueup.rendering import words

_FILES_SHOWN = 20


@click.command(cls=Command, example="trueup diff lumps@1 lumps@2")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--patch", is_flag=True, help="Show the difference of code line by line.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write a page that needs nothing else.",
)
@output.json_option
def command(before: str, after: str, patch: bool, html: Path | None, as_json: bool) -> None:
    """Compare two model versions: data, code, features, parameters, environment, metrics, verdicts.

    A and B are versions such as flights@11 or flights@champion.
    """
    from trueup.app.comparing.versions import compare

    first, second = (of_kind(text, "model") for text in (before, after))
    with output.here() as workspace:
        actor = workspace.owner
        old = workspace.models.show(actor, first.name, first.selector)
        new = workspace.models.show(actor, second.name, second.selector)
        found = compare(workspace, actor, old, new, patch=patch)
    if html is not None:
        from trueup.doors.web import reports  # loads the web framework

        html.write_text(reports.version_difference(found, f"trueup diff {before} {after}"), "utf-8")
    if as_json:
        output.emit_json(found)
        return
    show(found)
    if html is not None:
        output.say("Written to {}.", html)
    steps = [f"trueup data diff {d.before} {d.after}" for d in found.data if d.before and d.after]
    if found.code.files and not patch:
        steps.append(f"trueup diff {before} {after} --patch")
    output.next_step(*(steps[:3] or [f"trueup why {found.after}"]))


def show(found: VersionDifference) -> None:
    """Print a difference, part by part; a part without one is a line."""
    output.heading(f"{found.before} → {found.after}")
    output.blank()
    for change in found.data:
        output.show(_part("data", _dataset(change)))
    if not found.data:
        output.show(_part("data", "the same"))
    output.show(_part("code", _code(found.code)))
    for file in found.code.files[:_FILES_SHOWN]:
        counts = "not text" if file.added is None else f"+{file.added} −{file.removed}"
        output.show(f"    {file.path}  {counts}" + ("" if file.reached else "  (not reached)"))
    if len(found.code.files) > _FILES_SHOWN:
        output.show(f"    … and {plural(len(found.code.files) - _FILES_SHOWN, 'more file')}")
    _features(found)
    _values("parameters", found.parameters)
    _values("environment", found.environment)
    _values("model", found.model)
    _metrics("metrics", found.metrics)
    verdicts = found.verdicts
    outcomes = [verdicts.before_outcome or "not judged", verdicts.after_outcome or "not judged"]
    output.show(_part("verdict", " → ".join(outcomes)))
    if verdicts.checks:
        _metrics("checks", verdicts.checks)
    if found.code.patch:
        output.blank()
        output.show(Text(found.code.patch))


def _dataset(change: DatasetChange) -> str:
    if not change.before or not change.after:
        return f"{change.after} is new" if change.after else f"{change.before} is no longer read"
    said = f"{change.before} → {change.after}: "
    difference = change.difference
    if difference is None:
        return said + "not compared"
    if difference.table is None:
        files = difference.files
        return said + f"{files.added} files added, {files.removed} removed, {files.changed} changed"
    rows = difference.table.rows
    said += f"{rows.added:,} rows added, {rows.removed:,} removed, {rows.changed:,} changed"
    columns = [c.after or c.before for c in difference.table.schema]
    if columns:
        said += f"; columns {', '.join(columns)}"
    moved = [
        f"{c.name} ({c.distribution.effect})"
        for c in difference.table.columns
        if c.distribution is not None and c.distribution.effect in ("small", "moderate", "large")
    ]
    return said + (f"; moved: {', '.join(moved)}" if moved else "")


def _code(change: CodeChange) -> str:
    ends = [
        commit[:12] + (" with uncommitted changes" if dirty else "") or "unknown"
        for commit, dirty in (
            (change.before, change.dirty_before),
            (change.after, change.dirty_after),
        )
    ]
    where = ends[0] if ends[0] == ends[1] else f"{ends[0]} → {ends[1]}"
    if change.problem:
        return f"{where}; files could not be compared: {change.problem}"
    steps = "the steps' code is the same" if change.same_steps else "the steps' code differs"
    if not change.files:
        return f"{where}, no file differs"
    return f"{where}, {plural(len(change.files), 'file')}; {steps}"


def _features(found: VersionDifference) -> None:
    if not found.features:
        output.show(_part("features", "the same"))
    for change in found.features:
        if not change.before or not change.after:
            said = f"{change.after} is new" if change.after else f"{change.before} is gone"
            output.show(_part("features", said))
            continue
        output.show(_part("features", f"{change.before} → {change.after}"))
        for part in change.changes:
            output.show(f"    {part.part}: {_cut(part.before)} → {_cut(part.after)}")


def _values(name: str, changes: tuple[Any, ...]) -> None:
    if not changes:
        output.show(_part(name, "the same"))
        return
    output.show(_part(name, f"{plural(len(changes), 'difference')}"))
    for change in changes:
        output.show(f"    {change.name}: {_cut(change.before)} → {_cut(change.after)}")


def _metrics(name: str, changes: tuple[MetricChange, ...]) -> None:
    if not changes:
        output.show(_part(name, "none on either side"))
        return
    output.show(_part(name, ""))
    for change in changes:
        difference = "" if change.difference is None else f"  {words.difference(change.difference)}"
        output.show(
            f"    {change.name}: {words.number(change.before)} → {words.number(change.after)}"
            f"{difference}"
        )


def _part(name: str, said: str) -> Text:
    return Text.assemble((f"{name:<12}", "bold"), said)


def _cut(value: Any) -> str:
    if value in (None, ""):
        return words.NOTHING
    return short(value) if isinstance(value, str) and value.startswith(PREFIX) else str(value)
