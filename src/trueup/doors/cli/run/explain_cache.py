"""`trueup explain-cache`: what a step's cache key is made of, and how it differs from before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.doors.cli.terminal.parameters import pairs, parameter_option
from trueup.foundation.digests import short
from trueup.foundation.text import listing
from trueup.lifecycle.pipeline import keys
from trueup.lifecycle.pipeline.passing import openings
from trueup.rendering import words

if TYPE_CHECKING:
    from trueup.lifecycle.pipeline.records import Components
    from trueup.lifecycle.runs.preview.records import KeyNow


# They open files in C and tell nobody; Polars and PyArrow are seen.
_OPEN_UNSEEN: Final = frozenset(
    {
        *("duckdb", "fiona", "gdal", "h5py", "imageio", "lightgbm", "netcdf4", "opencv-python"),
        *("opencv-python-headless", "pyogrio", "pyreadstat", "rasterio", "safetensors", "tables"),
        *("tensorflow", "torch", "torchaudio", "torchvision", "xgboost"),
    }
)


@click.command(cls=Command, example="trueup explain-cache prepare")
@click.argument("step")
@click.option(
    "--pipeline", default="", metavar="NAME", help="The pipeline, if several call the step."
)
@parameter_option
@output.json_option
def command(step: str, pipeline: str, given: tuple[str, ...], as_json: bool) -> None:
    """Explain whether a step would be reused, and what its key is made of.

    Shows the code, packages, parameters, inputs and declared files and variables that count now,
    the kept result that is closest to it, and every difference between the two.
    """
    from trueup.app.running import previewing

    with output.here() as workspace:
        found = previewing.calling(workspace.root, step, pipeline, pairs(given))
        parameters = found.parse(pairs(given))
        now = previewing.of_step(workspace, workspace.owner, step, found, parameters)
    if as_json:
        output.emit_json({"now": now, "differences": _differences(now)})
        return
    _print(now, workspace.root)
    output.next_step(f"trueup run {found.name} --dry-run")


def _print(now: KeyNow, root: Path) -> None:
    output.heading(now.step, f"called at {now.place}")
    would = {"reuse": "would be reused", "run": "would run", "depends": "may run"}
    output.show(f"It {would.get(now.decision, now.decision)}: {'; '.join(now.why)}.")
    if now.components is None:
        return
    output.blank()
    closest = now.closest
    output.facts(
        {
            "key": now.key or f"known when {' and '.join(now.waits_for)} ended",
            "closest kept": f"{short(closest.key)} of run:{closest.run}, "
            f"{words.moment(closest.created_at)}"
            if closest
            else "none",
            "differs in": "; ".join(_differences(now)),
        }
    )
    output.blank()
    rows = list(_rows(now.components, closest.components if closest else None))
    if closest is not None:  # what it opens is known from when it ran: it belongs to no key
        opened = openings.now(root, closest.opened)
        rows += [_row("opens", name, opened[name], then) for name, then in closest.opened.items()]
    output.table(("part", "name", "now", "closest kept"), rows, whole=2)
    if unseen := [name for name in now.components.packages if name.lower() in _OPEN_UNSEEN]:
        output.say(
            "\nFiles that {} opens are not seen: those of the project belong into depends_on, "
            "others are given as datasets.",
            listing(unseen),
        )


def _differences(now: KeyNow) -> list[str]:
    if now.components is None or now.closest is None:
        return []
    return keys.explain(now.closest.components, now.components)


def _rows(now: Components, before: Components | None) -> list[tuple[object, ...]]:
    kinds = (
        ("code", "parts"),
        ("input", "inputs"),
        ("parameter", "parameters"),
        ("file", "files"),
        ("variable", "environment"),
        ("package", "packages"),
    )
    found: list[tuple[object, ...]] = []
    for word, field in kinds:
        current: Mapping[str, object] = getattr(now, field)
        earlier: Mapping[str, object] = getattr(before, field) if before else {}
        found += [
            _row(word, name, current.get(name), earlier.get(name))
            for name in sorted({*current, *earlier})
        ]
    found.append(_row("Python", "", now.python, before.python if before else None))
    if now.version or (before and before.version):
        found.append(_row("version", "", now.version, before.version if before else None))
    if now.secrets or (before and before.secrets):
        earlier_names = ", ".join(before.secrets) if before else None
        found.append(_row("secrets", "", ", ".join(now.secrets), earlier_names))
    return found


def _row(word: str, name: str, now: object, before: object) -> tuple[object, ...]:
    return word, name, _cell(now), "same" if now == before else _cell(before)


def _cell(value: object) -> object:
    return short(value) if isinstance(value, str) and value.startswith("b3:") else value
