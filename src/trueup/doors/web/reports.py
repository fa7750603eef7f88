"""Reports: the content of a page as one file that needs nothing else, to send or to archive."""

from __future__ import annotations

import base64
from importlib import resources
from typing import Any, Final

from markupsafe import Markup

from trueup import __version__
from trueup.app.comparing.records import VersionDifference
from trueup.app.scoring.records import Scorecard
from trueup.doors.web import shell
from trueup.foundation.records import Record
from trueup.lifecycle.data.difference.records import ColumnDifference, DataDifference
from trueup.rendering import charts
from trueup.rendering.svg import svg

MOST_BYTES: Final = 500_000
# A picture is about 25 KB: the columns that moved most have one, all have a small histogram.
_PICTURES: Final = 6


class Picture(Record):
    """A chart as an image inside the page."""

    title: str
    summary: str
    source: str


class DifferencePage(Record):
    """Everything that a page about two states of data says."""

    lead: str
    difference: DataDifference


def page_of(difference: DataDifference) -> DifferencePage:
    """The page of a difference."""
    return DifferencePage(lead=in_one_sentence(difference), difference=difference)


def data_difference(difference: DataDifference, command: str) -> str:
    """What differs between two states of data, as a page of its own."""
    title = f"{difference.before.label} and {difference.after.label}"
    return self_contained(
        "data_diff.html",
        title,
        command,
        page=page_of(difference),
        pictures=[_picture(column) for column in moved(difference)[:_PICTURES]],
    )


def version_difference(difference: VersionDifference, command: str) -> str:
    """What differs between two model versions, as a page of its own."""
    title = f"{difference.before} and {difference.after}"
    return self_contained("version_diff.html", title, command, page=difference)


def scorecard(card: Scorecard, command: str) -> str:
    """How well tested a model is, as a page of its own."""
    title = f"Score of {card.model}"
    return self_contained("score.html", title, command, page=card, is_report=True)


def self_contained(template: str, title: str, command: str, **values: Any) -> str:
    """A page in the frame of a report."""
    style = resources.files("trueup.doors.web").joinpath("assets", "style.css")
    return shell.render(
        template,
        layout="report.html",
        title=title,
        command=command,
        stylesheet_text=Markup(style.read_text(encoding="utf-8")),  # noqa: S704 - a file of ours
        version=__version__,
        **values,
    )


def in_one_sentence(difference: DataDifference) -> str:
    """The whole difference in one sentence."""
    table = difference.table
    if table is None:
        files = difference.files
        changed = files.added + files.removed + files.changed
        return f"{changed:,} files differ." if changed else "Nothing differs."
    if difference.is_empty:
        return "The same rows and columns; nothing differs but files."
    rows = table.rows
    said = f"{rows.added:,} rows added, {rows.removed:,} removed, {rows.changed:,} changed"
    if names := [column.name for column in moved(difference)]:
        said += f"; what moved most: {', '.join(names[:3])}"
    return f"{said}."


def moved(difference: DataDifference) -> list[ColumnDifference]:
    """The columns whose values moved by more than chance, most moved first."""
    found = [
        column
        for column in (difference.table.columns if difference.table else ())
        if column.distribution is not None
        and column.distribution.effect in ("small", "moderate", "large")
    ]
    return sorted(found, key=lambda c: (c.distribution and c.distribution.psi) or 0.0, reverse=True)


def _picture(column: ColumnDifference) -> Picture:
    distribution = column.distribution
    assert distribution is not None  # `moved` has only columns with one
    chart = charts.histogram(
        column.name,
        column.name,
        distribution.bins,
        distribution.before,
        distribution.after,
        labels=("before", "after"),
    )
    drawn = base64.b64encode(svg(chart.spec).encode()).decode()
    return Picture(
        title=chart.title, summary=chart.summary, source=f"data:image/svg+xml;base64,{drawn}"
    )
