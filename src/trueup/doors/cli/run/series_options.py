"""The options of `trueup run` that ask for more than one run. Read `series.py` next.

Only click is imported here: a single run must not wait for what it does not use.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import click


class Many(NamedTuple):
    """What was asked for beside a single run."""

    space: tuple[str, ...]
    partitions: str
    sweep: tuple[str, ...]
    search: int
    by: str
    seed: int
    parallel: int
    again: bool

    @property
    def is_wanted(self) -> bool:
        """Whether more than one run is asked for."""
        return bool(self.partitions or self.sweep or self.search or self.space)


_OPTIONS = (
    click.argument("space", nargs=-1, metavar="[NAME=LOW..HIGH]..."),
    click.option(
        "--partition",
        "partitions",
        default="",
        metavar="A..B",
        help="Run once for each of these parts of the data.",
    ),
    click.option(
        "--sweep",
        multiple=True,
        metavar="NAME=VALUES",
        help="Run with each of these values, such as lr=0.1,0.2 or depth=2..6; may be repeated.",
    ),
    click.option(
        "--search",
        default=0,
        type=click.IntRange(0, 10_000),
        metavar="N",
        help="Run N times with values that are searched for in lr=0.001..0.3:log depth=2..8.",
    ),
    click.option(
        "--by",
        default="",
        metavar="METRIC[:max|min]",
        help="What the best run is the best at; its candidate is registered.",
    ),
    click.option("--seed", default=0, help="Another seed searches otherwise."),
    click.option(
        "--parallel",
        default=1,
        type=click.IntRange(1, 256),
        metavar="N",
        help="How many runs at once.",
    ),
    click.option("--again", is_flag=True, help="Also run the partitions that were done before."),
)


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the command gets them together, as `many`."""

    @functools.wraps(function)
    def collecting(**given: Any) -> Any:
        many = Many(**{name: given.pop(name) for name in Many._fields})
        if "=" in given.get("pipeline", ""):  # the pipeline was left out: this is no name
            many = many._replace(space=(given["pipeline"], *many.space))
            given["pipeline"] = ""
        return function(many=many, **given)

    made: Callable[..., Any] = collecting
    for option in reversed(_OPTIONS):
        made = option(made)
    return made
