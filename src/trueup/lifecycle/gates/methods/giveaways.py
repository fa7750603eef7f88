"""Features that tell the label all by themselves: each one's AUC, classes and halves apart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import polars as pl
from scipy import special

from trueup.foundation.text import did_you_mean, plural
from trueup.lifecycle.gates.records import Part

FEWEST: Final = 10
"""Rows that each class needs."""
MOST_CLASSES: Final = 20
_CHANCE: Final = 1e-3  # of calling any feature a give-away when none is
_AT_ONCE: Final = 100
_ORDERED: Final = (pl.Date, pl.Datetime, pl.Time, pl.Duration, pl.Boolean)


class Classes(NamedTuple):
    """The label as questions with yes or no: one, or one a class.

    Attributes:
        rows: The labelled rows, the answers in columns called `is:0`, `is:1`, …
        yes: How many yeses each question has.
        words: What each question is, such as ` for class b`; empty for a label of two classes.
    """

    rows: pl.DataFrame
    yes: list[int]
    words: list[str]


def classes(rows: pl.DataFrame, label: str) -> Classes | Part:
    """The label as questions, or why there are none."""
    if label not in rows.columns:
        near = did_you_mean(label, rows.columns[:1000])
        return Part(name="labels", outcome="error", words=f"there is no column {label}.{near}")
    given = rows[label]
    if given.dtype.is_float():
        given = given.fill_nan(None)
    kept = rows.filter(given.is_not_null())
    values = given.drop_nulls()
    kinds = values.unique()
    said = ""
    if len(values) == 0:
        said = f"no row has a {label}"
    elif len(kinds) == 1:
        said = f"every {label} is the same, so no feature can tell them apart"
    if said:
        return Part(name="labels", outcome="not-enough-data", words=said, rows=len(values))
    if len(kinds) > MOST_CLASSES:
        if not values.dtype.is_numeric():
            said = f"{label} has {len(kinds):,} classes; up to {MOST_CLASSES} are looked at"
            return Part(name="labels", outcome="error", words=said, rows=len(values))
        return _asked(kept, [(values > values.median(), " (upper half of the label)")])
    listed = kinds.sort().to_list()
    if len(listed) == 2:
        return _asked(kept, [(values == listed[1], "")])
    return _asked(kept, [(values == one, f" for class {one}") for one in listed])


def _asked(rows: pl.DataFrame, questions: list[tuple[pl.Series, str]]) -> Classes:
    answers = [answer.alias(f"is:{number}") for number, (answer, _) in enumerate(questions)]
    yes = [int(answer.sum()) for answer in answers]
    return Classes(rows.with_columns(answers), yes, [said for _, said in questions])


def parts(given: Classes, features: list[str], limit: float) -> Iterator[Part]:
    """One part a feature: the AUC of the question that it answers best."""
    n = given.rows.height
    small = min(min(yes, n - yes) for yes in given.yes)
    judged = [number for number, yes in enumerate(given.yes) if min(yes, n - yes) >= FEWEST]
    if not judged:
        said = f"the rarest class has {plural(small, 'row')}; {FEWEST} would tell"
        yield Part(name="labels", outcome="not-enough-data", words=said, rows=n)
        return
    types = given.rows.schema
    numbers = [f for f in features if types[f].is_numeric() or types[f].base_type() in _ORDERED]
    texts = [f for f in features if types[f] in (pl.String, pl.Categorical, pl.Enum)]
    for start in range(0, len(numbers), _AT_ONCE):
        some = numbers[start : start + _AT_ONCE]
        yield from _of_numbers(given, some, judged, limit, len(features))
    for name in texts:
        yield _of_text(given, name, judged, limit, len(features))


class _Best(NamedTuple):
    """The question that a feature answers best."""

    auc: float = 0.5
    words: str = ""
    rows: int = 0
    error: float = math.inf


def _of_numbers(
    given: Classes, names: list[str], judged: list[int], limit: float, of: int
) -> Iterator[Part]:
    asked, types = [], given.rows.select(names).schema
    for place, name in enumerate(names):
        value = _physical(name, types[name])
        asked.append(value.count().alias(f"{place}:n"))
        for number in judged:
            is_yes = pl.col(f"is:{number}")
            asked.append(value.filter(is_yes).count().alias(f"{place}:{number}:n"))
            ranks = value.rank("average").filter(is_yes).sum()
            asked.append(ranks.alias(f"{place}:{number}:ranks"))
    row = given.rows.select(asked).row(0, named=True)
    for place, name in enumerate(names):
        n = row[f"{place}:n"]
        found = [_Best()]
        for number in judged:
            yes = row[f"{place}:{number}:n"]
            found.append(_auc(row[f"{place}:{number}:ranks"], yes, n - yes, given.words[number]))
            found.append(_by_absence(given, number, yes, n))
        yield _part(name, max(found), limit, of)


def _physical(name: str, dtype: pl.DataType) -> pl.Expr:
    given = pl.col(name)
    if dtype.is_float():
        return given.fill_nan(None)
    return given if dtype.is_numeric() else given.to_physical()


def _auc(ranks: float | None, yes: int, no: int, words: str) -> _Best:
    """The AUC, whichever way round, from the ranks of the yeses."""
    if min(yes, no) < FEWEST or ranks is None:
        return _Best()
    auc = (float(ranks) - yes * (yes + 1) / 2) / (yes * no)
    error = math.sqrt((yes + no + 1) / (12 * yes * no))
    return _Best(max(auc, 1 - auc), f"tells the label{words}", yes + no, error)


def _by_absence(given: Classes, number: int, yes: int, n: int) -> _Best:
    """The AUC of whether there is a value at all."""
    all_yes, rows = given.yes[number], given.rows.height
    all_no = rows - all_yes
    if n == rows or min(n, rows - n) < FEWEST or min(all_yes, all_no) < FEWEST:
        return _Best()
    auc = 0.5 + abs(yes / all_yes - (n - yes) / all_no) / 2
    error = math.sqrt((rows + 1) / (12 * all_yes * all_no))
    words = f"tells the label{given.words[number]} by whether it has a value"
    return _Best(auc, words, rows, error)


def _of_text(given: Classes, name: str, judged: list[int], limit: float, of: int) -> Part:
    """Each value's share of yeses, learned on one half of the rows and asked of the other."""
    found = [_Best()]
    rows = given.rows.select(
        value=pl.col(name).cast(pl.String),
        half=pl.int_range(pl.len()).hash(seed=1) % 2 == 0,
    ).with_columns(given.rows.select(f"is:{number}" for number in judged))
    shares = rows.group_by("value", "half").agg(
        n=pl.len(), **{f"yes:{number}": pl.col(f"is:{number}").sum() for number in judged}
    )
    other = shares.with_columns(~pl.col("half"))
    asked = rows.join(other, on=["value", "half"], how="left", nulls_equal=True)
    for number in judged:
        base = given.yes[number] / given.rows.height
        guess = ((pl.col(f"yes:{number}") + base) / (pl.col("n") + 1)).fill_null(base)
        both = []
        for half in (False, True):
            part = asked.filter(pl.col("half") == half).select(
                guess=guess, is_yes=pl.col(f"is:{number}")
            )
            ranks = float(part["guess"].rank("average").filter(part["is_yes"]).sum())
            yes = int(part["is_yes"].sum())
            both.append(_auc(ranks, yes, part.height - yes, given.words[number]))
        found.append(min(both))
    return _part(name, max(found), limit, of)


def _told(best: _Best, limit: float) -> str:
    auc = f"AUC {best.auc:.4f}"
    return f"{best.words}: {auc}" if best.auc > limit else f"has the {auc}"


def _part(name: str, best: _Best, limit: float, of: int) -> Part:
    if not best.rows:
        said = f"too few rows of each class have a value; {FEWEST} would tell"
        return Part(name=name, outcome="not-applicable", words=said)
    chance = special.ndtr(-(best.auc - 0.5) / best.error) * 2 * of
    outcome = "passed"
    if best.auc > limit:
        outcome = "failed" if chance < _CHANCE else "not-enough-data"
    return Part(
        name=name,
        outcome=outcome,  # type: ignore[arg-type]
        words=f"alone it {_told(best, limit)}",
        value=best.auc,
        limit=limit,
        rows=best.rows,
    )
