"""Two tables: every row that was added, removed or changed is found, and nothing else."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars._typing import SchemaDict

from trueup.foundation.errors import UsageError
from trueup.lifecycle.data.difference import matching, pairs, tables
from trueup.lifecycle.data.difference.records import ColumnDifference, TableDifference
from trueup.lifecycle.data.difference.sides import Table, TableFile, open_tables

Row = tuple[Any, ...]

SCHEMA: SchemaDict = {
    "id": pl.Int64,
    "amount": pl.Float64,
    "word": pl.String,
    "day": pl.Date,
    "tags": pl.List(pl.Int64),
    "who": pl.Struct({"name": pl.String, "age": pl.Int64}),
}
NAMES = list(SCHEMA)
values = st.tuples(
    st.one_of(st.none(), st.integers(0, 5)),
    st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.5, math.nan, math.inf])),
    st.one_of(st.none(), st.sampled_from(["", "a", "ä"])),
    st.one_of(st.none(), st.sampled_from([date(2026, 1, 1), date(1969, 12, 31)])),
    st.one_of(st.none(), st.lists(st.one_of(st.none(), st.integers(0, 1)), max_size=2)),
    st.one_of(
        st.none(),
        st.fixed_dictionaries(
            {
                "name": st.one_of(st.none(), st.sampled_from(["x", "y"])),
                "age": st.one_of(st.none(), st.integers(0, 1)),
            }
        ),
    ),
)
frames = st.lists(values, max_size=8)


def table(frame: pl.DataFrame) -> Table:
    return Table(frame.lazy(), dict(frame.schema), frame.height, is_guessed=False)


def of(rows: list[Row]) -> Table:
    return table(pl.DataFrame(rows, schema=SCHEMA, orient="row"))


def frozen(value: Any) -> Any:
    """A value that is equal to itself: NaN is NaN, and minus zero is zero."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value + 0.0
    if isinstance(value, dict):
        return tuple(sorted((name, frozen(inner)) for name, inner in value.items()))
    if isinstance(value, list):
        return ("list", *map(frozen, value))
    return value


def counts(found: TableDifference) -> tuple[int, int, int, int]:
    rows = found.rows
    return rows.added, rows.removed, rows.changed, rows.same


def oracle(before: list[Row], after: list[Row], size: int) -> tuple[int, int, int, int, Row]:
    """Brute force: rows by key where it is unique, by content elsewhere; and cells per column."""
    one = [tuple(map(frozen, row)) for row in before]
    two = [tuple(map(frozen, row)) for row in after]
    keys = [Counter(row[:size] for row in side) for side in (one, two)]
    repeated = {key for side in keys for key, times in side.items() if times > 1}
    singles = [{r[:size]: r for r in side if r[:size] not in repeated} for side in (one, two)]
    both = [(singles[0][key], singles[1][key]) for key in singles[0].keys() & singles[1].keys()]
    changed = sum(a != b for a, b in both)
    cells = tuple(sum(a[n] != b[n] for a, b in both) for n in range(len(SCHEMA)))
    rest = [Counter(r for r in side if r[:size] in repeated) for side in (one, two)]
    added = len(singles[1].keys() - singles[0].keys()) + (rest[1] - rest[0]).total()
    removed = len(singles[0].keys() - singles[1].keys()) + (rest[0] - rest[1]).total()
    same = len(both) - changed + (rest[0] & rest[1]).total()
    return added, removed, changed, same, cells


@pytest.mark.slow
@settings(max_examples=60)
@given(frames, frames, st.integers(1, 6))
def test_by_key_every_row_and_cell_that_differs_is_found(
    before: list[Row], after: list[Row], size: int
) -> None:
    found = tables.compare(of(before), of(after), key=NAMES[:size])
    *expected, cells = oracle(before, after, size)
    assert counts(found) == tuple(expected)
    assert tuple(column.changed for column in found.columns) == cells


@settings(max_examples=40)
@given(frames, frames)
def test_without_a_key_rows_are_a_multiset(before: list[Row], after: list[Row]) -> None:
    one, two = of(before), of(after)
    everything = [pairs.pair(one, two, name) for name in NAMES]
    found = matching.by_content(one, two, everything)
    first = Counter(tuple(map(frozen, row)) for row in before)
    second = Counter(tuple(map(frozen, row)) for row in after)
    assert found.added.len() == (second - first).total()
    assert found.removed.len() == (first - second).total()
    gone = Counter(tuple(map(frozen, before[row])) for row in found.removed)
    assert gone == first - second


@settings(max_examples=40)
@given(frames, frames)
def test_rows_always_add_up(before: list[Row], after: list[Row]) -> None:
    found = tables.compare(of(before), of(after))
    rows = found.rows
    assert rows.removed + rows.changed + rows.same == len(before) == found.rows_before
    assert rows.added + rows.changed + rows.same == len(after) == found.rows_after


@settings(max_examples=40)
@given(frames)
def test_a_table_does_not_differ_from_itself_in_another_order(rows: list[Row]) -> None:
    found = tables.compare(of(rows), of(rows[::-1]))
    assert found.is_empty
    assert not found.rows.added + found.rows.removed + found.rows.changed


def frame(**columns: Any) -> Table:
    return table(pl.DataFrame(columns))


def column(found: TableDifference, name: str) -> ColumnDifference:
    return next(each for each in found.columns if each.name == name)


def changes(found: TableDifference) -> list[tuple[str, str, str]]:
    return [(change.state, change.before, change.after) for change in found.schema]


def test_a_unique_column_is_found_and_named_as_the_key() -> None:
    before = frame(value=[1, 1, 2], flight_id=[10, 11, 12])
    after = frame(value=[1, 5, 2, 7], flight_id=[10, 11, 12, 13])
    found = tables.compare(before, after)
    assert (found.rows.matched, found.rows.key) == ("found", ("flight_id",))
    assert counts(found) == (1, 0, 1, 2)
    assert column(found, "value").changed == 1


def test_of_two_unique_columns_the_one_whose_values_stay_is_the_key() -> None:
    before = frame(cents=[100, 250, 990], number=[1, 2, 3])
    after = frame(cents=[101, 251, 990], number=[1, 2, 3])
    assert tables.compare(before, after).rows.key == ("number",)


def test_a_key_may_need_several_columns() -> None:
    shop, day = [1, 1, 2, 2] * 3, [1, 2, 1, 2] * 3
    month = [m for m in (1, 2, 3) for _ in range(4)]
    before = frame(shop=shop, day=day, month=month, sold=[1.0] * 12)
    after = frame(shop=shop, day=day, month=month, sold=[1.0] * 11 + [2.0])
    found = tables.compare(before, after)
    assert found.rows.key == ("shop", "day", "month")
    assert counts(found) == (0, 0, 1, 11)


def test_measurements_and_columns_with_gaps_are_no_key() -> None:
    found = tables.compare(frame(x=[0.1, 0.2], n=[1, None]), frame(x=[0.1, 0.3], n=[1, None]))
    assert (found.rows.matched, found.rows.key) == ("content", ())
    assert counts(found) == (1, 1, 0, 1)
    assert column(found, "x").changed is None


def test_a_repeated_key_names_no_row() -> None:
    before = frame(id=[1, 1, 2], v=["a", "b", "c"])
    after = frame(id=[1, 1, 2], v=["a", "x", "d"])
    found = tables.compare(before, after, key=["id"])
    assert found.rows.repeated == 1
    assert counts(found) == (1, 1, 1, 1)


def test_a_missing_key_is_equal_to_a_missing_key() -> None:
    found = tables.compare(frame(id=[None, 1], v=[1, 2]), frame(id=[1, None], v=[2, 3]), ["id"])
    assert counts(found) == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("name", "said"),
    [("idd", "neither table has. Did you mean 'id'?"), ("old", "only the first table has.")],
)
def test_a_key_that_is_not_in_both_tables_is_refused(name: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        tables.compare(frame(id=[1], old=[1]), frame(id=[1]), key=[name])
    assert caught.value.code == "data-key-unknown"
    assert said in caught.value.message


def test_columns_that_come_and_go_are_named_with_their_types() -> None:
    found = tables.compare(frame(id=[1, 2], old=[1, 2]), frame(id=[1, 2], new=["a", "b"]))
    assert changes(found) == [("removed", "old", ""), ("added", "", "new")]
    assert found.schema[0].type_before == "Int64"
    assert found.schema[1].type_after == "String"
    assert counts(found) == (0, 0, 0, 2)
    assert not found.is_empty


def test_a_column_with_all_its_values_under_a_new_name_was_renamed() -> None:
    numbers = list(range(10))
    before = frame(id=numbers, delay=[n * 3 for n in numbers], same=[1] * 10)
    after = frame(id=numbers, late=[n * 3 for n in numbers], alike=[1] * 10)
    found = tables.compare(before, after)
    # A column of one value proves nothing.
    assert changes(found) == [
        ("renamed", "delay", "late"),
        ("removed", "same", ""),
        ("added", "", "alike"),
    ]
    assert (column(found, "late").before, column(found, "late").changed) == ("delay", 0)


def test_two_explanations_of_a_new_name_are_none() -> None:
    numbers = list(range(10))
    before = frame(id=numbers, old=numbers[::-1])
    after = frame(id=numbers, a=numbers[::-1], b=numbers[::-1])
    assert changes(tables.compare(before, after)) == [
        ("removed", "old", ""),
        ("added", "", "a"),
        ("added", "", "b"),
    ]


def test_a_new_name_is_seen_without_a_key() -> None:
    numbers = [n / 7 for n in range(10)]
    found = tables.compare(frame(old=numbers), frame(new=numbers[::-1]))
    assert changes(found) == [("renamed", "old", "new")]
    assert counts(found) == (0, 0, 0, 10)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (pl.Series([1, 2], dtype=pl.Int8), pl.Series([1, 3], dtype=pl.Int64), 1),
        (pl.Series([1, 2], dtype=pl.Int64), pl.Series([1.0, 2.5]), 1),
        (pl.Series([1, 2], dtype=pl.UInt64), pl.Series([1, -2], dtype=pl.Int64), 1),
        (pl.Series([2**64 - 1, 2], dtype=pl.UInt64), pl.Series([-1, 2], dtype=pl.Int64), 1),
        (pl.Series([1, 2]), pl.Series(["1", "two"]), 1),
        (pl.Series(["a", "b"], dtype=pl.Categorical), pl.Series(["a", "c"]), 1),
        (pl.Series([[1], [2]]), pl.Series(["a", "b"]), 2),
        (pl.Series([True, False]), pl.Series([date(2026, 1, 1), None]), 2),
        (pl.Series([None, None]), pl.Series([None, 1]), 1),
        (pl.Series([{"a": 1}, {"a": 2}]), pl.Series([{"b": 1}, {"b": 2}]), 2),
    ],
)
def test_values_of_another_type_are_compared_all_the_same(
    old: pl.Series, new: pl.Series, changed: int
) -> None:
    found = tables.compare(frame(id=[1, 2], v=old), frame(id=[1, 2], v=new), ["id"])
    assert changes(found) == [("retyped", "v", "v")]
    assert column(found, "v").changed == changed


def test_categories_are_compared_by_their_words() -> None:
    one = pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"]))
    two = pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"]))
    assert column(tables.compare(frame(i=[1, 2], v=one), frame(i=[1, 2], v=two)), "v").changed == 0


@pytest.mark.parametrize("empty", ["before", "after", "both"])
def test_an_empty_table_is_a_table(empty: str) -> None:
    full, none = frame(id=[1, 2], v=[1.0, 2.0]), frame(id=[], v=[])
    before = none if empty in ("before", "both") else full
    after = none if empty in ("after", "both") else full
    found = tables.compare(before, after)
    assert counts(found) == (after.rows, before.rows, 0, 0)
    assert all(
        each.distribution is None or each.distribution.effect == "unknown" for each in found.columns
    )


def test_a_table_without_columns_is_a_table() -> None:
    found = tables.compare(table(pl.DataFrame()), frame(id=[1]))
    assert counts(found) == (1, 0, 0, 0)
    assert changes(found) == [("added", "", "id")]


def test_a_shift_is_told_from_chance_and_has_a_size() -> None:
    numbers = list(range(4_000))
    before = frame(
        id=numbers,
        still=[n % 10 for n in numbers],
        moved=[n % 10 for n in numbers],
        place=["JFK" if n % 4 else "EWR" for n in numbers],
    )
    after = frame(
        id=numbers,
        still=[(n + 1) % 10 for n in numbers],
        moved=[n % 10 + 20 * (n % 2) for n in numbers],
        place=["JFK" if n % 3 else "EWR" for n in numbers],
    )
    found = tables.compare(before, after, ["id"])
    still, moved, place = (column(found, n).distribution for n in ("still", "moved", "place"))
    assert still is not None and moved is not None and place is not None
    assert (still.effect, still.psi, still.kolmogorov_smirnov) == ("none", 0.0, 0.0)
    assert moved.effect == "large"
    assert moved.bins[-1] == "above reference"
    assert moved.after[-1] == 2_000
    assert moved.kolmogorov_smirnov == pytest.approx(0.5)
    assert moved.wasserstein is not None
    assert place.effect == "small"
    assert place.words == "small: EWR from 25 % to 33.4 % of the rows"
    assert place.kolmogorov_smirnov is None


def test_few_rows_prove_nothing() -> None:
    found = tables.compare(frame(id=[1, 2, 3], v=[1, 1, 2]), frame(id=[1, 2, 3], v=[1, 2, 2]))
    distribution = column(found, "v").distribution
    assert distribution is not None
    assert (distribution.effect, distribution.words) == ("unknown", "too few rows to tell")


def test_a_column_of_one_value_did_not_move() -> None:
    frames = (frame(id=range(n), year=[2013] * n, word=["a"] * n) for n in (100, 200))
    found = tables.compare(*frames)
    for name in ("year", "word"):
        distribution = column(found, name).distribution
        assert distribution is not None
        assert (distribution.effect, distribution.words) == ("none", "no more than chance")


def test_missing_values_and_means_are_counted() -> None:
    found = tables.compare(
        frame(id=[1, 2, 3], v=[1.0, math.nan, None]), frame(id=[1, 2, 3], v=[1.0, 3.0, None])
    )
    each = column(found, "v")
    assert (each.missing_before, each.missing_after, each.changed) == (2, 1, 1)
    assert (each.mean_before, each.mean_after) == (1.0, 2.0)


def test_dates_have_bins_that_people_can_read() -> None:
    days = [date(2026, 1, 1), date(2026, 1, 2)]
    found = tables.compare(frame(id=[1, 2], day=days), frame(id=[1, 2], day=days))
    distribution = column(found, "day").distribution
    assert distribution is not None
    assert distribution.bins == ("2026-01-01", "2026-01-02")


def test_rows_are_shown_only_when_asked_for() -> None:
    before = frame(id=[1, 2, 3], v=[math.nan, 1.0, 5.0], d=[date(2026, 1, 1)] * 3)
    after = frame(id=[2, 1, 4], v=[2.0, math.nan, 5.0], d=[date(2026, 1, 1)] * 3)
    assert tables.compare(before, after, ["id"]).samples == ()
    shown = tables.compare(before, after, ["id"], rows=5).samples
    assert [(row.state, row.values, row.was) for row in shown] == [
        ("removed", {"id": 3, "v": 5.0, "d": "2026-01-01"}, {}),
        ("added", {"id": 4, "v": 5.0, "d": "2026-01-01"}, {}),
        ("changed", {"id": 2, "v": 2.0, "d": "2026-01-01"}, {"v": 1.0}),
    ]


def test_what_does_not_fit_into_memory_at_once_is_read_in_portions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, after = (
        frame(id=[1, 2], a=[1, 2], b=["x", "y"]),
        frame(id=[1, 2], a=[1, 3], b=["x", "z"]),
    )
    whole = tables.compare(before, after)
    monkeypatch.setattr(pairs, "_BUDGET", 1)
    assert tables.compare(before, after) == whole
    assert len(list(pairs.in_portions([pairs.pair(before, after, n) for n in "ab"], 4))) == 2


Writer = Callable[[pl.DataFrame, Path], None]
CONTENT = pl.DataFrame(
    {
        "id": pl.Series([1, 2, 3], dtype=pl.Int32),
        "x": [0.1, None, 1e300],
        "code": ["007", "", 'ä, "b"\n'],
        "day": [date(2026, 1, 1), None, date(2026, 1, 3)],
        "yes": [True, False, None],
    }
)
WRITERS: dict[str, Writer] = {
    "parquet": lambda frame, path: frame.write_parquet(path),
    "arrow": lambda frame, path: frame.write_ipc(path),
    "csv": lambda frame, path: frame.write_csv(path),
    "tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
}


@pytest.fixture
def between(tmp_path: Path) -> Iterator[Callable[..., TableDifference]]:
    def differ(before: list[str], after: list[str]) -> TableDifference:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        sides = [[TableFile(name, tmp_path / name) for name in names] for names in (before, after)]
        return tables.compare(*open_tables(sides[0], sides[1], scratch))

    yield differ


@pytest.mark.parametrize("one", WRITERS)
@pytest.mark.parametrize("two", WRITERS)
def test_the_same_content_in_another_format_is_the_same(
    one: str, two: str, tmp_path: Path, between: Callable[..., TableDifference]
) -> None:
    WRITERS[one](CONTENT, tmp_path / f"a.{one}")
    WRITERS[two](CONTENT, tmp_path / f"b.{two}")
    found = between([f"a.{one}"], [f"b.{two}"])
    assert found.is_empty, found
    assert found.rows.same == 3


def test_text_that_turned_into_words_is_a_new_type(
    tmp_path: Path, between: Callable[..., TableDifference]
) -> None:
    (tmp_path / "a.csv").write_text("id,v\n1,007\n2,8\n")
    (tmp_path / "b.csv").write_text("id,v\n1,007\n2,x\n")
    found = between(["a.csv"], ["b.csv"])
    assert [(c.state, c.type_before, c.type_after) for c in found.schema] == [
        ("retyped", "Int64", "String")
    ]
    assert counts(found) == (0, 0, 1, 1)  # 007 is the same text as before


def test_a_word_far_down_a_column_of_numbers_is_read(
    tmp_path: Path, between: Callable[..., TableDifference]
) -> None:
    (tmp_path / "a.csv").write_text("v\n" + "1\n" * 12_000 + "x\n")
    (tmp_path / "b.csv").write_text("v\n" + "1\n" * 12_000)
    assert counts(between(["a.csv"], ["b.csv"])) == (0, 1, 0, 12_000)


def test_files_of_a_folder_are_one_table_even_if_a_column_came_later(
    tmp_path: Path, between: Callable[..., TableDifference]
) -> None:
    pl.DataFrame({"id": [1]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"id": [2], "new": [5]}).write_parquet(tmp_path / "b.parquet")
    found = between(["a.parquet"], ["a.parquet", "b.parquet"])
    assert changes(found) == [("added", "", "new")]
    assert counts(found) == (1, 0, 0, 1)


def test_an_empty_text_file_is_an_empty_table(
    tmp_path: Path, between: Callable[..., TableDifference]
) -> None:
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "b.csv").write_text("id\n1\n")
    assert counts(between(["a.csv"], ["b.csv"])) == (1, 0, 0, 0)


def test_a_damaged_file_is_named(tmp_path: Path, between: Callable[..., TableDifference]) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UsageError) as caught:
        between(["a.parquet"], ["a.parquet"])
    assert caught.value.code == "dataset-unreadable"
    assert caught.value.message.startswith("a.parquet cannot be read as a table: ")
