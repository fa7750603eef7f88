"""A report of drift as one self-contained page under 500 KB; it holds no rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trueup.foundation.text import plural
from trueup.lifecycle.gates.drift import pictures
from trueup.lifecycle.gates.drift.records import ColumnDrift, DriftReport, Test
from trueup.rendering import pairs, report, words
from trueup.rendering.report import Card, Section

_PICTURES: Final = 220_000  # bytes
_ROWS: Final = 300
_DISTANCES: Final = {
    "wasserstein_by_deviation": "Wasserstein / deviation",
    "kolmogorov_smirnov": "Kolmogorov-Smirnov",
    "jensen_shannon": "Jensen-Shannon",
    "hellinger": "Hellinger",
    "psi": "PSI",
    "total_variation": "total variation",
}


def html(drift: DriftReport) -> str:
    """The whole page."""
    cards = tuple(_cards(drift))
    with_picture = sum(bool(column.picture.labels) for column in drift.columns)
    rest = with_picture - len(cards)
    sections = [
        Section(
            title="",
            words=f"{drift.words}.",
            facts={
                "Reference": f"{drift.reference}, {plural(drift.rows_reference, 'row')}",
                "Current": f"{drift.current}, {plural(drift.rows_current, 'row')}",
                "Matters": f"a change of {words.percent(drift.limits.effect)} of a column's rows",
                "False alarms": f"{words.percent(drift.limits.false_alarms)} of comparisons in "
                "which nothing changed, over all columns together",
            },
        ),
        *_together(drift),
        Section(
            title="Columns",
            words="Every row counts. Moved is the share of the rows that are elsewhere, less what "
            "chance adds; shows is the smallest share that these rows show in 80 of 100 cases; p "
            "is corrected for the number of questions asked.",
            columns=("Column", "Verdict", "Test", "p", "Moved", "Chance", "Shows", "Missing"),
            rows=tuple(_row(column) for column in drift.columns[:_ROWS]),
            states=1,
        ),
    ]
    if len(drift.columns) > _ROWS:
        more = len(drift.columns) - _ROWS
        sections.append(
            Section(title="", words=f"{plural(more, 'column')} more, none of them graver.")
        )
    if cards:
        sections.append(
            Section(
                title="Distributions",
                words=f"The gravest first; {plural(rest, 'column')} more not drawn."
                if rest
                else "",
                key=(drift.reference, drift.current),
                cards=cards,
            )
        )
    if any(column.distances for column in drift.columns):
        sections.append(
            Section(
                title="Distances",
                words="Kolmogorov-Smirnov and Wasserstein of all rows; the others over 32 bins of "
                "equally many rows of the reference, or over the frequent categories. "
                "Jensen-Shannon has base 2.",
                columns=("Column", *_DISTANCES.values()),
                rows=tuple(
                    (column.name, *(words.number(column.distances.get(d)) for d in _DISTANCES))
                    for column in drift.columns[:_ROWS]
                    if column.distances
                ),
            )
        )
    return report.html(
        f"{drift.reference} → {drift.current}",
        sections,
        state=drift.verdict,
        note=f"trueup drift {drift.reference} {drift.current} · compared in "
        f"{words.duration(drift.seconds)}",
    )


def _together(drift: DriftReport) -> Iterator[Section]:
    found = drift.together
    if found is None:
        return
    yield Section(
        title="All columns at once",
        words=f"{found.words[:1].upper()}{found.words[1:]}.",
        columns=("Column", "Curve falls without it by") if found.columns else (),
        rows=tuple((name, words.number(value)) for name, value in found.columns.items()),
        facts={"Left out": ", ".join(f"{name} ({why})" for name, why in found.left_out.items())},
    )


def _row(column: ColumnDrift) -> tuple[str, ...]:
    test = column.gravest
    sides = (column.reference, column.current)
    missing = [words.percent(s.missing / s.rows) if s.rows else words.NOTHING for s in sides]
    gaps = " → ".join(missing) if any(side.missing for side in sides) else ""
    if test is None:
        return column.name, column.verdict, column.words, "", "", "", "", gaps
    method = test.method if test.what == "values" else f"{test.method} of what is missing"
    return column.name, column.verdict, method, *_figures(test), gaps


def _figures(test: Test) -> tuple[str, str, str, str]:
    shows = "nothing" if test.detectable is None else words.percent(test.detectable)
    p = "< 1e-300" if test.adjusted < 1e-300 else f"{test.adjusted:.2g}"
    return p, words.percent(test.effect), words.percent(test.noise_floor), shows


def _cards(drift: DriftReport) -> Iterator[Card]:
    drawn = 0
    for column in drift.columns:
        if not column.picture.labels:
            continue
        picture = _picture(column)
        drawn += len(picture)
        if drawn > _PICTURES:
            return
        yield Card(
            title=column.name,
            state=column.verdict,
            words=column.words,
            picture=picture,
            facts=_facts(column),
        )


def _picture(column: ColumnDrift) -> str:
    picture = column.picture
    title = f"{column.name}: {column.words}"
    if len(picture.labels) > len(picture.reference):
        labels = [words.number(float(label)) for label in picture.labels]
        return pairs.steps(labels, picture.reference, picture.current, title)
    return pairs.bars(picture.labels, picture.reference, picture.current, title, pictures.REST)


def _facts(column: ColumnDrift) -> dict[str, str]:
    found = {}
    before, now = column.reference, column.current
    if before.mean is not None and now.mean is not None:
        found["mean"] = f"{words.number(before.mean)} → {words.number(now.mean)}"
    if before.deviation is not None and now.deviation is not None:
        found["deviation"] = f"{words.number(before.deviation)} → {words.number(now.deviation)}"
    if (test := column.gravest) is not None:
        found["p"] = _figures(test)[0]
    return found
