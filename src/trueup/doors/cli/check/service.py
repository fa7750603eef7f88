"""`trueup check service`: a running deployment by its HTTP surface: contract, load, golden rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from trueup.doors.cli.check.deployed import told
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import UsageError

if TYPE_CHECKING:
    from trueup.lifecycle.models.records import Signature
    from trueup.lifecycle.serving.checking.asking import Columns, Deployment
    from trueup.lifecycle.serving.checking.load import Load

TOKEN: Final = "TRUEUP_TOKEN"  # noqa: S105 (the name of a variable)
_POSITIVE = click.FloatRange(0, min_open=True)
_EXAMPLE = "trueup check service http://127.0.0.1:8080 --model clinic --rate 50 --p95-ms 20"


@click.command(cls=Command, example=_EXAMPLE)
@click.argument("url", metavar="URL")
@click.option("--model", default="", metavar="NAME", help="The deployment; the URL may name it.")
@click.option("--rows", default="", metavar="FILE", help="Rows to ask about; made up without.")
@click.option("--against", default="", metavar="MODEL@V", help="Whose signature it must state.")
@click.option("--golden", default="", metavar="FILE", help="Rows whose answers must hold.")
@click.option("--record", default="", metavar="FILE", help="Write golden rows from its answers.")
@click.option(
    "--tolerance", default=1e-6, show_default=True, type=click.FloatRange(0), help="With --record."
)
@click.option(
    "--rate", default=None, type=_POSITIVE, help="Send a load: so many requests a second."
)
@click.option(
    "--seconds", default=10.0, show_default=True, type=_POSITIVE, help="How long the load lasts."
)
@click.option(
    "--concurrency",
    default=32,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Requests of the load that may be under way at once.",
)
@click.option(
    "--rows-each",
    default=1,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Rows in a request of the load.",
)
@click.option("--p50-ms", default=None, type=_POSITIVE, help="Most milliseconds, half of the time.")
@click.option("--p95-ms", default=None, type=_POSITIVE, help="Most milliseconds, 95 of 100 times.")
@click.option("--p99-ms", default=None, type=_POSITIVE, help="Most milliseconds, 99 of 100 times.")
@click.option(
    "--errors",
    default=0.01,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Largest share of the load that may get no answer.",
)
@click.option("--junit", default="", metavar="FILE", help="Write the parts as JUnit XML.")
@click.option("--html", default="", metavar="FILE", help="Write a self-contained report.")
@output.json_option
def command(
    url: str,
    model: str,
    rows: str,
    against: str,
    golden: str,
    record: str,
    tolerance: float,
    rate: float | None,
    seconds: float,
    concurrency: int,
    rows_each: int,
    p50_ms: float | None,
    p95_ms: float | None,
    p99_ms: float | None,
    errors: float,
    junit: str,
    html: str,
    as_json: bool,
) -> int:
    """Check a running deployment: its contract, and with --golden and --rate its answers and speed.

    Any server of the Open Inference Protocol will do. Its good requests are answered, and recorded,
    like those of anybody else. Requests of a load come by the clock, so a server that stalls shows
    what it kept waiting. A token is read from TRUEUP_TOKEN. Exit code 6 when a check did not pass.
    """
    from trueup.lifecycle.serving.checking.asking import Deployment
    from trueup.lifecycle.serving.checking.load import Load
    from trueup.state.outbound import Outbound

    load = Load(
        rate=rate or 0.0,
        seconds=seconds,
        concurrency=concurrency,
        rows=rows_each,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        errors=errors,
    )
    _check_options(load, rows, record)
    signature = _signature(against) if against else None
    with Outbound() as http:
        deployment = Deployment(url, model, http, os.environ.get(TOKEN, ""))
        columns = _columns(deployment, rows) if rows else None
        if record:
            return _record(deployment, columns, record, tolerance, as_json=as_json)
        return _checked(deployment, columns, signature, golden, load, junit, html, as_json=as_json)


def _checked(
    deployment: Deployment,
    columns: Columns | None,
    signature: Signature | None,
    golden: str,
    load: Load,
    junit: str,
    html: str,
    *,
    as_json: bool,
) -> int:
    from trueup.lifecycle.serving.checking import asking, contract
    from trueup.lifecycle.serving.checking import golden as golden_rows
    from trueup.lifecycle.serving.checking import load as loading

    expected = golden_rows.read(Path(golden)) if golden else None
    deployment.get("/v2/health/live")  # nobody there: an error of its own, before any finding
    found = [contract.check(deployment, columns, signature)]
    if expected is not None:
        found.append(golden_rows.check(deployment, expected))
    if load.rate:
        rows = columns or asking.example(deployment.description(), 3)
        found.append(loading.check(deployment, rows, load))
    code = told(deployment.where, found, junit, html, as_json=as_json)
    if not as_json:
        output.next_step(f"trueup check service {deployment.address()} --rate 50 --p95-ms 20")
    return code


def _check_options(load: Load, rows: str, record: str) -> None:
    if record and not rows:
        raise UsageError(
            "options-contradict",
            "--record keeps the answers to rows, and --rows names none.",
            hint="trueup check service URL --model NAME --rows FILE --record golden.json",
        )
    if (load.p50_ms or load.p95_ms or load.p99_ms) and not load.rate:
        raise UsageError(
            "options-contradict",
            "A limit in milliseconds is for a load, and --rate says of none.",
            hint="trueup check service URL --model NAME --rate 50 --p95-ms 20",
        )


def _signature(against: str) -> Signature:
    wanted = of_kind(against, "model")
    with output.here() as workspace:
        version = workspace.models.show(workspace.owner, wanted.name, wanted.selector)
    return version.manifest.signature


def _columns(deployment: Deployment, file: str) -> Columns:
    from trueup.lifecycle.data import tables
    from trueup.lifecycle.serving.checking.asking import columns_of

    frame = tables.of_file(Path(file), file)
    return columns_of(deployment.description(), frame, Path(file).name)


def _record(
    deployment: Deployment, columns: Columns | None, file: str, tolerance: float, *, as_json: bool
) -> int:
    from trueup.lifecycle.serving.checking import golden as golden_rows

    assert columns is not None
    made = golden_rows.record(deployment, columns, tolerance)
    output.write_file(file, golden_rows.write(made))
    if as_json:
        output.emit_json({"file": file, "rows": len(made.scores), "tolerance": tolerance})
        return 0
    output.say("{} rows and their answers are kept in {}.", len(made.scores), file)
    url = deployment.base
    output.next_step(f"trueup check service {url} --model {deployment.name} --golden {file}")
    return 0
