"""Comparing two stored values: byte by byte by digest, else by content, number by number.

Used when a run is reproduced and when a reused result is computed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from trueup.foundation.errors import TrueupError
from trueup.foundation.text import listing, plural
from trueup.lifecycle.pipeline.passing import values
from trueup.lifecycle.pipeline.records import Difference, StoredValue
from trueup.ports.blobs import Blobs


def differences(
    before: StoredValue, there: Blobs, now: StoredValue, here: Blobs, where: str = ""
) -> tuple[Difference, ...]:
    """All ways in which two stored values differ; nothing when their bytes are equal.

    Args:
        before: One value.
        there: The store that holds it.
        now: The other value.
        here: The store that holds that one.
        where: The part of a larger value that they are.
    """
    return tuple(_differences(before, there, now, here, where))


def of_numbers(before: float, now: float, where: str) -> Difference | None:
    """How two numbers differ, if they do."""
    if before == now or (before != before and now != now):  # noqa: PLR0124 - not a number
        return None
    return Difference(where=where, what=f"was {before!r}, is {now!r}", largest=_apart(before, now))


def _differences(
    before: StoredValue, there: Blobs, now: StoredValue, here: Blobs, where: str
) -> Iterator[Difference]:
    if before.kind != now.kind:
        yield Difference(where=where, what=f"was a {before.kind}, is a {now.kind}")
    elif before.kind == "parts":
        yield from _keys(before.parts, now.parts, where)
        for name in [name for name in before.parts if name in now.parts]:
            inner = f"{where}[{name!r}]"
            yield from _differences(before.parts[name], there, now.parts[name], here, inner)
    elif before.kind == "list":
        if len(before.items) != len(now.items):
            yield _count(where, len(before.items), len(now.items), "item")
        for index, (one, other) in enumerate(zip(before.items, now.items, strict=False)):
            yield from _differences(one, there, other, here, f"{where}[{index}]")
    elif (before.digest, before.format) != (now.digest, now.format):
        try:
            found = list(_contents(before, there, now, here, where))
        except TrueupError as error:
            found = [Difference(where=where, what=f"its bytes differ; {error.message}")]
        yield from found or [Difference(where=where, what="its bytes differ, its content does not",
                                        largest=0.0)]  # fmt: skip


def _contents(
    before: StoredValue, there: Blobs, now: StoredValue, here: Blobs, where: str
) -> Iterator[Difference]:
    match before.kind:
        case "json":
            yield from _plain(values.load(there, before), values.load(here, now), where)
        case "frame":
            one, other = values.load(there, before), values.load(here, now)
            yield from _frames(pl.DataFrame(one), pl.DataFrame(other), where)
        case "array":
            yield from _arrays(values.load(there, before), values.load(here, now), where)
        case kind:
            yield Difference(where=where, what=f"the {kind} has other bytes")


def _plain(before: Any, now: Any, where: str) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(now, dict):
        yield from _keys(before, now, where)
        for name in [name for name in before if name in now]:
            yield from _plain(before[name], now[name], f"{where}[{name!r}]")
    elif isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            yield _count(where, len(before), len(now), "item")
        for index, (one, other) in enumerate(zip(before, now, strict=False)):
            yield from _plain(one, other, f"{where}[{index}]")
    elif _is_number(before) and _is_number(now):
        found = of_numbers(before, now, where)
        if found is not None:
            yield found
    elif before != now or isinstance(before, bool) != isinstance(now, bool):
        yield Difference(where=where, what=f"was {before!r:.60}, is {now!r:.60}")


def _frames(before: pl.DataFrame, now: pl.DataFrame, where: str) -> Iterator[Difference]:
    if before.columns != now.columns:
        gone = [name for name in before.columns if name not in now.columns]
        new = [name for name in now.columns if name not in before.columns]
        what = [f"{listing(gone)} gone"] * bool(gone) + [f"{listing(new)} new"] * bool(new)
        yield Difference(where=where, what="columns: " + (", ".join(what) or "in another order"))
    if before.height != now.height:
        yield _count(where, before.height, now.height, "row")
        return
    for name in [name for name in before.columns if name in now.columns]:
        at = f"{where} column {name}".strip()
        one, other = before[name], now[name]
        if one.dtype != other.dtype:
            yield Difference(where=at, what=f"was {one.dtype}, is {other.dtype}")
            continue
        changed = (one.ne_missing(other)) if not one.dtype.is_nested() else None
        rows = _nested_rows(one, other) if changed is None else int(changed.sum())
        if rows:
            largest = _series_apart(one, other)
            by = f", by at most {largest:.3g}" if largest is not None else ""
            yield Difference(where=at, what=f"{plural(rows, 'row')} differ{by}", largest=largest)


def _nested_rows(one: pl.Series, other: pl.Series) -> int:
    return sum(a != b for a, b in zip(one.to_list(), other.to_list(), strict=True))


def _series_apart(one: pl.Series, other: pl.Series) -> float | None:
    if not one.dtype.is_numeric() or not (one.is_null() == other.is_null()).all():
        return None
    pairs = [one.drop_nulls().cast(pl.Float64), other.drop_nulls().cast(pl.Float64)]
    return _arrays_apart(pairs[0].to_numpy(), pairs[1].to_numpy())


def _arrays(before: Any, now: Any, where: str) -> Iterator[Difference]:
    if before.shape != now.shape or before.dtype != now.dtype:
        was, is_ = f"{before.dtype}{list(before.shape)}", f"{now.dtype}{list(now.shape)}"
        yield Difference(where=where, what=f"was {was}, is {is_}")
        return
    count = int(np.count_nonzero(~_same(before, now)))
    if count:
        numeric = np.issubdtype(before.dtype, np.number)
        largest = _arrays_apart(before, now) if numeric else None
        by = f", by at most {largest:.3g}" if largest is not None else ""
        yield Difference(where=where, what=f"{plural(count, 'value')} differ{by}", largest=largest)


def _same(before: Any, now: Any) -> Any:
    same = before == now
    if np.issubdtype(before.dtype, np.inexact):
        same |= np.isnan(before) & np.isnan(now)
    return same


def _arrays_apart(before: Any, now: Any) -> float | None:
    """The largest relative difference; None where one is a number and the other is none."""
    finite = np.isfinite(before) & np.isfinite(now)
    if not (_same(before, now) | finite).all():
        return None
    one, other = before[finite].astype(complex), now[finite].astype(complex)
    scale = np.maximum(1.0, np.maximum(np.abs(one), np.abs(other)))
    return float(np.max(np.abs(one - other) / scale, initial=0.0))


def _apart(before: float, now: float) -> float | None:
    return _arrays_apart(np.array([float(before)]), np.array([float(now)]))


def _keys(before: Any, now: Any, where: str) -> Iterator[Difference]:
    gone, new = [k for k in before if k not in now], [k for k in now if k not in before]
    if gone or new:
        what = [f"{listing(gone)} gone"] * bool(gone) + [f"{listing(new)} new"] * bool(new)
        yield Difference(where=where, what=", ".join(what))


def _count(where: str, before: int, now: int, noun: str) -> Difference:
    return Difference(where=where, what=f"had {plural(before, noun)}, has {plural(now, noun)}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
