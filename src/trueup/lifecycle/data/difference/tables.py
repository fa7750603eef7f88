"""Two tables become one difference: columns, rows, cells, distributions.

Memory holds the key or two hashes of every row, row numbers, and a few columns at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from trueup.foundation.errors import UsageError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.data.difference import columns, keyfinding, matching, rules, samples
from trueup.lifecycle.data.difference.matching import Matching
from trueup.lifecycle.data.difference.pairs import Pair, in_portions, pair
from trueup.lifecycle.data.difference.records import ColumnDifference, RowCounts, TableDifference
from trueup.lifecycle.data.difference.sides import Table

# Columns that agree in fewer rows than this may agree by luck.
_PROOF = 8
_PROBE = 1_000


def compare(before: Table, after: Table, key: Sequence[str] = (), rows: int = 0) -> TableDifference:
    """What differs between two tables.

    Args:
        before: First table.
        after: Second table.
        key: Columns that name a row; looked for without them.
        rows: How many differing rows of each kind to show.

    Raises:
        UsageError: A key column is not in both tables.
    """
    common = [pair(before, after, name) for name in before.schema if name in after.schema]
    chosen = _given(key, common, before, after) or keyfinding.find(before, after, common)
    if chosen:
        matched = matching.by_key(before, after, chosen, common)
        renamed = _renamed_by_rows(before, after, matched)
    else:
        renamed = _renamed_by_content(before, after)
    common += [pair(before, after, old, new) for old, new in renamed.items()]
    if not chosen:
        matched = matching.by_content(before, after, common)
    keys = {each.before for each in chosen}
    found, differing = _columns(before, after, common, matched if chosen else None, keys)
    changed = 0 if differing is None else int(differing.sum())
    counts = RowCounts(
        matched="content" if not chosen else "given" if key else "found",
        key=tuple(each.after for each in chosen),
        repeated=matched.repeated,
        added=matched.added.len(),
        removed=matched.removed.len(),
        changed=changed,
        same=matched.before.len() - changed,
    )
    return TableDifference(
        rows_before=before.rows,
        rows_after=after.rows,
        schema=rules.schema_changes(
            before.schema,
            after.schema,
            is_guessed=before.is_guessed or after.is_guessed,
            renamed=renamed,
        ),
        rows=counts,
        columns=found,
        samples=samples.take(before, after, common, matched, differing, rows) if rows else (),
    )


def _given(
    key: Sequence[str], common: Sequence[Pair], before: Table, after: Table
) -> tuple[Pair, ...]:
    known = {each.before: each for each in common}
    for name in key:
        if name not in known:
            where = "neither table has"
            if name in before.schema or name in after.schema:
                where = f"only the {'first' if name in before.schema else 'second'} table has"
            raise UsageError(
                "data-key-unknown",
                f"The key names the column '{name}', which {where}.{did_you_mean(name, known)}",
                hint=f"--key {next(iter(known), 'COLUMN')}",
            )
    return tuple(known[name] for name in dict.fromkeys(key))


def _columns(
    before: Table,
    after: Table,
    common: Sequence[Pair],
    matched: Matching | None,
    keys: set[str],
) -> tuple[tuple[ColumnDifference, ...], pl.Series | None]:
    """Every column that both have, and which of the matched rows differ in any of them."""
    measured = []
    differing: pl.Series | None = None
    if matched is not None:
        differing = pl.Series([False]).new_from_index(0, matched.before.len())
    for portion in in_portions(common, before.rows + after.rows):
        left = before.frame.select(
            each.of_before().alias(str(n)) for n, each in enumerate(portion)
        ).collect()
        right = after.frame.select(
            each.of_after().alias(str(n)) for n, each in enumerate(portion)
        ).collect()
        for place, each in enumerate(portion):
            values = left[str(place)], right[str(place)]
            changed = None
            if matched is not None and differing is not None:
                if each.before in keys:
                    changed = 0
                else:
                    cells = (
                        values[0].gather(matched.before).ne_missing(values[1].gather(matched.after))
                    )
                    changed = int(cells.sum())
                    differing = differing | cells
            old = each.before if each.before != each.after else ""
            type_ = after.schema[each.after]
            measured.append(columns.measure(each.after, old, type_, values, changed))
    return columns.judged(measured), differing


def _alone(before: Table, after: Table) -> list[tuple[str, str]]:
    """Columns of one table alone that could be each other under a new name."""
    return [
        (old, new)
        for old, was in before.schema.items()
        if old not in after.schema
        for new, is_ in after.schema.items()
        if new not in before.schema and was == is_
    ]


def _renamed_by_rows(before: Table, after: Table, matched: Matching) -> dict[str, str]:
    """Columns whose values agree in every matched row."""
    if matched.before.len() < _PROOF:
        return {}
    same = []
    for old, new in _alone(before, after):
        one, two = pair(before, after, old, new), slice(0, _PROBE)
        for part in (two, slice(0, None)):  # most pairs differ in the first rows
            left = _gathered(before, one.of_before(), matched.before[part])
            right = _gathered(after, one.of_after(), matched.after[part])
            if left.ne_missing(right).any():
                break
        else:
            if left.n_unique() >= _PROOF:
                same.append((old, new))
    return _one_to_one(same)


def _gathered(table: Table, column: pl.Expr, rows: pl.Series) -> pl.Series:
    return table.frame.select(column.alias("value")).collect().to_series().gather(rows)


def _renamed_by_content(before: Table, after: Table) -> dict[str, str]:
    """Columns that hold the same values equally often, where rows cannot be matched."""
    same = []
    if before.rows == after.rows:
        for old, new in _alone(before, after):
            one = pair(before, after, old, new)
            digests = [
                table.frame.select(
                    column.hash(1).sum().alias("sum"),
                    (column.hash(2) // 2).sum().alias("other"),
                    column.n_unique().alias("distinct"),
                )
                .collect()
                .row(0)
                for table, column in ((before, one.of_before()), (after, one.of_after()))
            ]
            if digests[0] == digests[1] and digests[0][2] >= _PROOF:
                same.append((old, new))
    return _one_to_one(same)


def _one_to_one(same: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Only what has a single explanation is sure."""
    olds = [old for old, _ in same]
    news = [new for _, new in same]
    return {old: new for old, new in same if olds.count(old) == 1 == news.count(new)}
