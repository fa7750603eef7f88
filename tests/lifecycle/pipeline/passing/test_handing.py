"""A step gets what its annotations ask for, and never another step's own object."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pytest

from trueup import step
from trueup.foundation.errors import UserCodeError
from trueup.lifecycle.pipeline.passing import handing

FRAME = pl.DataFrame({"a": [1, 2]})


def kind_of(value: Any) -> str:
    return f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"


def test_a_frame_comes_as_the_kind_that_is_asked_for(bench: Any) -> None:
    @step
    def kinds(
        a: pl.DataFrame, b: pd.DataFrame, c: pl.LazyFrame, d: Any, e: list[pd.DataFrame]
    ) -> list[str]:
        return [kind_of(value) for value in (a, b, c, d, *e)]

    stored = bench.store(FRAME)
    found = bench.perform(kinds, a=stored, b=stored, c=stored, d=stored, e=[stored, stored])
    assert bench.load(found) == [
        "polars.DataFrame",
        "pandas.DataFrame",
        "polars.LazyFrame",
        "polars.DataFrame",
        "pandas.DataFrame",
        "pandas.DataFrame",
    ]


def test_a_path_comes_as_a_read_only_file_with_its_suffix(bench: Any) -> None:
    @step
    def look(rows: Path, parts: dict[str, Path], maybe: Path | None, plain: Any) -> list[str]:
        laid = [rows, parts["x"], maybe, plain]
        assert all(not p.stat().st_mode & 0o222 for p in laid if p)
        return [p.suffix for p in laid if p]

    file = bench.write("rows.csv", "a,b")
    stored = bench.store(file)
    found = bench.perform(
        look,
        rows=bench.store(FRAME),
        parts={"x": bench.store({"a": 1})},
        maybe=stored,
        plain=stored,
    )
    assert bench.load(found) == [".parquet", ".json", ".csv", ".csv"]
    assert not list((bench.root / ".trueup" / "scratch").iterdir())


def test_a_step_cannot_change_the_store_through_its_path(bench: Any) -> None:
    @step
    def spoil(file: Path) -> str:
        file.chmod(0o644)
        file.write_text("spoilt")
        return "done"

    stored = bench.store(bench.write("rows.csv", "a,b"))
    bench.perform(spoil, file=stored)
    assert bench.load(stored).read_text() == "a,b"


def test_lists_and_dicts_of_results_are_filled_in(bench: Any) -> None:
    @step
    def total(parts: list[int], named: dict[str, Any], pair: tuple[int, int]) -> int:
        assert isinstance(pair, tuple)
        return sum(parts) + named["x"].sum() + sum(pair)

    found = bench.perform(
        total,
        parts=[bench.store(1), 2],
        named={"x": bench.store(np.array([3, 4]))},
        pair=(bench.store(5), 6),
    )
    assert bench.load(found) == 21


def test_a_result_in_the_folder_of_the_call_is_kept(bench: Any) -> None:
    @step
    def write() -> Path:
        place = handing.surroundings().folder() / "model.txt"
        place.write_text("fitted")
        return place

    stored = bench.perform(write)
    assert bench.load(stored).read_text() == "fitted"


def test_the_folder_of_a_killed_call_is_removed_later(bench: Any) -> None:
    home = bench.root / ".trueup" / "scratch"
    for name in ("999999999-abc", f"{os.getpid()}-abc"):
        (home / name / "deep").mkdir(parents=True)
        os.utime(home / name, (1, 1))

    @step
    def write(file: Path) -> str:
        return file.name

    bench.perform(write, file=bench.store("x"))
    assert [folder.name for folder in home.iterdir()] == [f"{os.getpid()}-abc"]


def returning(declared: Any, value: Any) -> Any:
    """A step with that annotation, which returns that value."""

    @step
    def made() -> Any:
        return value

    made.types["return"] = declared
    return made


@pytest.mark.parametrize(
    ("declared", "value", "says"),
    [
        (int, "six", r"is declared to return int at \S+, but returned str \('six'\)"),
        (int, 6.0, r"return int at \S+, but returned float \(6.0\)"),
        (dict[str, int], [1], r"return dict\[str, int\] at \S+, but returned list"),
        (pl.DataFrame, {"a": [1]}, r"return DataFrame at \S+, but returned dict"),
        (Path, "model.txt", r"return Path at \S+, but returned str"),
        (int | None, FRAME, r"return int \| None at \S+, but returned DataFrame"),
        (None, 3, r"return None at \S+, but returned int \(3\)"),
        (list[int], None, r"return list\[int\] at \S+, but returned None"),
    ],
)
def test_a_result_that_can_never_be_of_the_declared_type_is_refused(
    bench: Any, declared: Any, value: Any, says: str
) -> None:
    with pytest.raises(UserCodeError, match=says) as refused:
        bench.perform(returning(declared, value))
    assert refused.value.code == "step-result-type"
    where = refused.value.context
    assert (where["step"], where["file"], type(where["line"])) == ("made", "test_handing.py", int)


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (float, 6),
        (int, True),
        (int, np.int64(6)),
        (float, np.float32(0.5)),
        (list[int], ["what a list holds is not looked at"]),
        (Sequence[int], (1, 2)),
        (Mapping[str, int], MappingProxyType({"a": 1})),
        (pd.DataFrame, FRAME),
        (int | None, None),
        (Any, "anything"),
        (object, 3),
    ],
)
def test_a_result_that_may_be_of_the_declared_type_is_kept(
    bench: Any, declared: Any, value: Any
) -> None:
    assert bench.perform(returning(declared, value)).digest


def test_the_error_of_a_wrong_series_says_how_to_make_a_frame_of_it(bench: Any) -> None:
    with pytest.raises(UserCodeError) as refused:
        bench.perform(returning(pl.DataFrame, FRAME["a"]))
    assert refused.value.hint == "return series.to_frame()"


def test_what_a_step_raises_is_the_users_error(bench: Any) -> None:
    @step
    def fail() -> None:
        raise ValueError("no rows")

    with pytest.raises(UserCodeError, match=r"Step 'fail' failed at test_handing.py:\d+: ValueErr"):
        bench.perform(fail)


class Silent(Exception):
    """An error that fails again when it is shown."""

    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (asyncio.CancelledError("stop"), "CancelledError: stop"),
        (Silent(), "Silent, which cannot be shown as text"),
        (ValueError("file \udcff.csv"), r"ValueError: file \udcff.csv"),
    ],
)
def test_whatever_a_step_raises_can_be_told(bench: Any, error: BaseException, said: str) -> None:
    @step
    def fail() -> None:
        raise error

    with pytest.raises(UserCodeError) as raised:
        bench.perform(fail)
    assert said in raised.value.message
    msgspec.json.encode(raised.value.as_problem())


def test_a_recursion_without_end_shows_its_ends_only(bench: Any) -> None:
    def deeper(level: int) -> int:
        return deeper(level + 1)

    @step
    def fail() -> int:
        return deeper(0)

    with pytest.raises(UserCodeError, match="RecursionError") as raised:
        bench.perform(fail)
    functions = [frame["function"] for frame in raised.value.context["frames"]]
    assert "fail" in functions
    assert len(functions) == 20
