"""Equal rows should have equal labels, and a row should be there once."""

from __future__ import annotations

from typing import Final

import polars as pl

from trueup.foundation.text import plural
from trueup.lifecycle.gates.methods.joining import joined
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.plan.data_demands import Conflicts
from trueup.rendering import words
from trueup.statistics import shares

TAKES = "sample"
_COMMON: Final = 0.05
"""Where so many rows would repeat by chance, equal rows say nothing."""


def check(demand: Conflicts, sample: Sample) -> CheckResult:
    """How many rows repeat, and how many have an equal with another label."""
    rows = sample.rows.drop(demand.ignore, strict=False)
    if rows.height == 0 or rows.width == 0:
        return CheckResult(
            check="conflicts", outcome="not-enough-data", words=f"{sample.name} has no rows"
        )
    whole = rows.hash_rows()
    known = set(rows.columns)
    features = [name for name in sample.features if name in known]
    by_chance = _by_chance(rows)
    parts = [_repeated(demand, whole, by_chance)]
    if sample.label not in rows.columns or not features:
        said = "no label was named" if not sample.label else f"there is no column {sample.label}"
        parts.append(Part(name="labels", outcome="not-applicable", words=said))
        if sample.label:
            parts[-1] = Part(name="labels", outcome="error", words=said)
    elif by_chance > _COMMON:
        parts.append(Part(name="labels", outcome="not-applicable", words=_usual(by_chance)))
    else:
        parts.append(_conflicting(demand, rows, features, sample.label))
    good = "; ".join(part.words for part in parts if part.outcome == "passed")
    return joined("conflicts", parts, rows=rows.height, good=good)


def _repeated(demand: Conflicts, rows: pl.Series, by_chance: float) -> Part:
    n = len(rows)
    again = n - rows.n_unique()
    said = f"{again:,} of {plural(n, 'row')} repeat one that is there already"
    if by_chance > _COMMON:
        return Part(
            name="repeated rows",
            outcome="not-applicable",
            words=f"{said}; {_usual(by_chance)}",
            value=again / n,
            rows=n,
        )
    is_bad = shares.is_above(again, n, demand.repeated)
    return Part(
        name="repeated rows",
        outcome="failed" if is_bad else "passed",
        words=f"{said}; up to {words.percent(demand.repeated)} may",
        value=again / n,
        limit=demand.repeated,
        rows=n,
    )


def _conflicting(demand: Conflicts, rows: pl.DataFrame, features: list[str], label: str) -> Part:
    labelled = rows.filter(pl.col(label).is_not_null())
    if labelled.height == 0:
        return Part(name="labels", outcome="not-enough-data", words=f"no row has a {label}")
    keyed = pl.DataFrame(
        {"row": labelled.select(features).hash_rows(), "label": labelled.select(label).hash_rows()}
    )
    torn = keyed.group_by("row").agg(n=pl.len(), labels=pl.col("label").n_unique())
    bad = int(torn.filter(pl.col("labels") > 1)["n"].sum())
    n = labelled.height
    return Part(
        name="labels",
        outcome="failed" if shares.is_above(bad, n, demand.conflicting) else "passed",
        words=f"{bad:,} of {plural(n, 'row')} have an equal with another {label}; "
        f"up to {words.percent(demand.conflicting)} may",
        value=bad / n,
        limit=demand.conflicting,
        rows=n,
    )


def _by_chance(rows: pl.DataFrame) -> float:
    """The share of rows that would repeat if columns had nothing to do with each other."""
    mixed = pl.DataFrame(
        [rows[name].shuffle(seed=number) for number, name in enumerate(rows.columns)]
    )
    return 1 - mixed.hash_rows().n_unique() / rows.height


def _usual(by_chance: float) -> str:
    return (
        f"the columns are so coarse that {words.percent(by_chance)} of the rows would repeat by "
        "chance, so equal rows say nothing"
    )
