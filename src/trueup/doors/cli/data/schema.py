"""`trueup data schema`: what the rows of a dataset must look like, in a file that people edit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output, tabled
from trueup.doors.cli.terminal.grammar import Command, Group
from trueup.foundation.text import plural
from trueup.rendering import words

if TYPE_CHECKING:
    from trueup.lifecycle.data.schemas.comparing import Change
    from trueup.lifecycle.data.schemas.records import Schema

_CHANGES = 40


@click.group(cls=Group)
def command() -> None:
    """What the rows of a dataset must look like."""


@command.command(cls=Command, example="trueup data schema infer flights.parquet --label late")
@click.argument("source", metavar="FILE|data:NAME@VERSION")
@click.option("-o", "--output", "target", default="", metavar="FILE", help="Where it is written.")
@click.option("--label", default="", metavar="COLUMN", help="The label: rows to serve have none.")
@click.option("--add", "is_added", is_flag=True, help="Add columns that the file lacks; no more.")
@click.option("--replace", "is_replaced", is_flag=True, help="Write it over the file there is.")
@output.json_option
def infer(
    source: str, target: str, label: str, is_added: bool, is_replaced: bool, as_json: bool
) -> None:
    """Make a first schema from rows, to be read and edited.

    It is written to schemas/NAME.toml. A file that is there already stays as it is: what would
    change is listed. Limits leave room for what the rows seen cannot rule out, so that fresh rows
    of the same source keep them.
    """
    from trueup.foundation import clock
    from trueup.lifecycle.data.schemas import comparing, files
    from trueup.lifecycle.data.schemas.inferring import infer as inferred

    with tabled.opened(source) as table:
        place = Path(target) if target else tabled.home() / files.place(table.dataset)
        shown = _shown(place)
        before = files.read(place, shown) if place.exists() else None
        label = label or (files.label_of(before) if before else "")
        _check_label(label, table.rows.columns)
        schema = inferred(table.rows, before.dataset if before else table.dataset, label)
    changes: list[Change] = []
    if before is not None:
        changes = comparing.compare(before, schema)
        if is_added:
            schema = comparing.added(before, schema)
    is_written = before is None or is_replaced or is_added
    if is_written:
        about = (
            f"What the rows of {table.dataset} must look like. Inferred from {table.shown} on "
            f"{words.day(clock.now())}.\nRead it, edit it, commit it: "
            "trueup explain schema-unsound"
        )
        output.write_file(str(place), files.text(schema, about))
    if as_json:
        output.emit_json(
            {"file": shown, "written": is_written, "changes": changes, "schema": schema}
        )
        return
    if is_written:
        _show(schema)
        output.say("\nWritten to {}.", shown)
        output.next_step(f"git add {shown}", f"trueup check data {source}")
        return
    _show_changes(changes)
    if not changes:
        output.say("{} says what these rows suggest.", shown)
        output.next_step(f"trueup check data {source}")
        return
    output.say("\n{} stays as it is; above is what these rows would make of it.", shown)
    output.next_step(
        f"trueup check data {source} --schema {shown}",
        f"trueup data schema infer {source} --add",
        f"trueup data schema infer {source} --replace",
    )


@command.command(cls=Command, example="trueup data schema show schemas/flights.toml")
@click.argument("schema", metavar="SCHEMA|DATASET")
@output.json_option
def show(schema: str, as_json: bool) -> None:
    """Show a schema: its columns with their limits, its rules."""
    place, found = _read(schema)
    if as_json:
        output.emit_json(found)
        return
    _show(found)
    output.next_step(f"trueup data schema diff {_shown(place)} FILE")


@command.command(cls=Command, example="trueup data schema diff schemas/flights.toml new.parquet")
@click.argument("schema", metavar="SCHEMA|DATASET")
@click.argument("other", metavar="SCHEMA|FILE|data:NAME@VERSION")
@output.json_option
def diff(schema: str, other: str, as_json: bool) -> None:
    """Compare a schema with another one, or with the one that rows would suggest."""
    from trueup.lifecycle.data.schemas import comparing, files
    from trueup.lifecycle.data.schemas.inferring import infer as inferred

    place, before = _read(schema)
    if other.endswith(".toml"):
        after = _read(other)[1]
    else:
        with tabled.opened(other) as table:
            after = inferred(table.rows, before.dataset, files.label_of(before))
    changes = comparing.compare(before, after)
    if as_json:
        output.emit_json(changes)
        return
    _show_changes(changes)
    output.say("{}", plural(len(changes), "difference") if changes else "They say the same.")
    output.next_step(f"trueup data schema show {_shown(place)}")


@command.command("import", cls=Command, example="trueup data schema import suite.json")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("-o", "--output", "target", default="", metavar="FILE", help="Where it is written.")
@output.json_option
def import_(file: Path, target: str, as_json: bool) -> None:
    """Take over a suite of Great Expectations or a schema of Pandera.

    What our schemas cannot say is listed. A schema file that is there already stays as it is.
    """
    from trueup.foundation.errors import ConflictError, UsageError
    from trueup.lifecycle.data.schemas import files, taking

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "config-unreadable", f"{file} cannot be read: {error}.", hint=f"ls -l '{file}'"
        ) from error
    taken = taking.take(text, str(file))
    place = Path(target or tabled.home() / files.place(taken.schema.dataset or file.stem))
    if place.exists():
        raise ConflictError(
            "schema-exists",
            f"{_shown(place)} is there already, and stays as it is.",
            hint="trueup data schema import FILE -o schemas/another.toml",
        )
    output.write_file(str(place), files.text(taken.schema, f"Taken over from {file.name}."))
    files.read(place, _shown(place))
    if as_json:
        output.emit_json({"file": _shown(place), "taken": taken})
        return
    _show(taken.schema)
    if taken.left:
        output.blank()
        output.heading("Not taken over", plural(len(taken.left), "demand"))
        output.table(("where", "what", "why"), [(e.where, e.what, e.why) for e in taken.left])
    output.say("\nWritten to {}.", _shown(place))
    output.next_step(f"git add {_shown(place)}", f"trueup check data FILE --schema {_shown(place)}")


def _check_label(label: str, names: list[str]) -> None:
    from trueup.foundation.errors import UsageError
    from trueup.foundation.text import did_you_mean

    if label and label not in names:
        raise UsageError(
            "column-unknown",
            f"There is no column '{label}'.{did_you_mean(label, names[:1000])}",
            hint="name one of the columns",
        )


def _read(text: str) -> tuple[Path, Schema]:
    """A schema by its file, or by the name of its dataset."""
    from trueup.lifecycle.data.schemas import files

    place = Path(text)
    if not place.suffix and not place.exists():
        place = tabled.home() / files.place(text)
    return place, files.read(place, _shown(place))


def _shown(place: Path) -> str:
    here = Path.cwd()
    found = place if place.is_absolute() else here / place
    return str(found.relative_to(here)) if found.is_relative_to(here) else str(found)


def _show(schema: Schema) -> None:
    from trueup.lifecycle.data.schemas.wording import columns, others

    output.heading(schema.dataset or "schema", plural(len(schema.columns), "column"))
    output.table(("column", "type", "values", "missing", "where"), columns(schema))
    facts = others(schema)
    if facts:
        output.blank()
        output.facts(facts)


def _show_changes(changes: list[Change]) -> None:
    if changes:
        rows = [(c.where, c.what, c.key, c.before, c.after) for c in changes[:_CHANGES]]
        output.table(("where", "what", "key", "now", "would be"), rows)
    if len(changes) > _CHANGES:
        output.say("… and {} more.", f"{len(changes) - _CHANGES:,}")
