"""Values between steps come back equal, in a safe form, or are refused with a cure."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from trueup.backends.blobs.local import Backend
from trueup.foundation import digests
from trueup.foundation.errors import BackendError, UserCodeError
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.records import Entry
from trueup.lifecycle.pipeline.passing import filing, frames, keeping, values
from trueup.lifecycle.pipeline.records import Place, StoredValue

AT = Place("pipelines/flights.py", 7)
ATOMS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    ATOMS | NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


class Memory:
    """Blobs in a dict."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, raw: bytes) -> str:
        self.kept[digests.of_bytes(raw)] = raw
        return digests.of_bytes(raw)

    def get(self, digest: str) -> bytes:
        return self.kept[digest]


@pytest.fixture
def blobs(tmp_path: Path) -> Backend:
    return Backend(f"local://{tmp_path / 'blobs'}")


def kept(blobs: Any, value: Any) -> StoredValue:
    return keeping.store(blobs, value, "train", AT)


@given(JSON)
def test_plain_data_comes_back_equal(value: Any) -> None:
    blobs: Any = Memory()
    assert values.load(blobs, kept(blobs, value)) == value


def test_a_frame_comes_back_equal(blobs: Backend) -> None:
    frame = pl.DataFrame(
        {
            "n": [1, None],
            "x": [0.5, float("nan")],
            "t": ["a", None],
            "d": [date(2013, 1, 1), None],
            "at": [datetime(2013, 1, 1, 3), None],
            "c": pl.Series(["u", "v"], dtype=pl.Categorical),
            "l": [[1], [2, 3]],
        }
    )
    stored = kept(blobs, frame)
    assert (stored.kind, stored.rows, stored.columns) == ("frame", 2, tuple(frame.columns))
    assert_frame_equal(values.load(blobs, stored), frame)


def test_equal_frames_have_one_address_however_they_were_made(blobs: Backend) -> None:
    whole = pl.DataFrame({"a": [1, 2, 3, 4]})
    pieces = pl.concat([pl.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [3, 4]})], rechunk=False)
    assert kept(blobs, whole) == kept(blobs, pieces)


def test_an_array_comes_back_equal(blobs: Backend) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    stored = kept(blobs, array)
    found = values.load(blobs, stored)
    assert (stored.format, stored.rows, found.dtype) == ("npy", 2, np.float32)
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("late ✈", "text"),
        (b"\x00\xff", "bytes"),
        ([1, "a", None], "json"),
        ([], "json"),
        ([pl.DataFrame({"a": [1]}), 3, "x"], "list"),
        ({"a": np.arange(3), "b": np.ones((2, 2), dtype=np.float32)}, "tensors"),
        ({"a": np.array(["x"])}, "parts"),
        ({"a": np.arange(3), "b": 3}, "parts"),
    ],
)
def test_every_kind_comes_back_equal(blobs: Backend, value: Any, kind: str) -> None:
    stored = kept(blobs, value)
    assert stored.kind == kind
    assert same(values.load(blobs, stored), value)
    assert kept(blobs, value) == stored


def same(found: Any, value: Any) -> bool:
    if isinstance(value, dict):
        return set(found) == set(value) and all(same(found[k], value[k]) for k in value)
    if isinstance(value, list):
        return len(found) == len(value) and all(map(same, found, value))
    if isinstance(value, pl.DataFrame):
        return value.equals(found)
    if isinstance(value, np.ndarray):
        return found.dtype == value.dtype and bool((found == value).all())
    return type(found) is type(value) and found == value


def test_equal_arrays_have_one_address_however_they_lie_in_memory(blobs: Backend) -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert kept(blobs, array) == kept(blobs, np.asfortranarray(array))
    one, other = ({"w": array, "b": array[0]}, {"b": array[0], "w": np.asfortranarray(array)})
    assert kept(blobs, one).digest == kept(blobs, other).digest


def test_a_part_of_tensors_is_an_array(blobs: Backend) -> None:
    stored = kept(blobs, {"w": np.arange(3), "b": np.ones(2)})
    found = values.load(blobs, values.part(blobs, stored, "w", "train", AT))
    np.testing.assert_array_equal(found, np.arange(3))
    with pytest.raises(UserCodeError, match="has no 'c'; it has"):
        values.part(blobs, stored, "c", "train", AT)


def test_a_list_gives_its_items_to_a_mapped_step(blobs: Backend) -> None:
    frames = [pl.DataFrame({"a": [n]}) for n in range(3)]
    found = values.items(blobs, kept(blobs, frames))
    assert found is not None
    assert [values.load(blobs, item)["a"].item() for item in found] == [0, 1, 2]
    assert values.items(blobs, kept(blobs, [1, {"a": 2}])) == (1, {"a": 2})
    assert values.items(blobs, kept(blobs, [])) == ()
    assert values.items(blobs, kept(blobs, frames[0])) is None
    assert values.items(blobs, kept(blobs, {"a": 1})) is None


def test_the_results_of_a_mapped_step_are_a_list(blobs: Backend) -> None:
    results = [kept(blobs, value) for value in (1, "x", pl.DataFrame({"a": [1]}))]
    stored = keeping.listed(results)
    assert values.load(blobs, stored)[:2] == [1, "x"]
    assert keeping.listed([]).digest == keeping.listed([]).digest
    assert stored.digest != keeping.listed(results[::-1]).digest
    assert values.is_present(blobs, stored)


class Arrow:
    """A table of a library that speaks Arrow."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.frame.__arrow_c_stream__(requested_schema)


def test_an_arrow_table_is_a_frame(blobs: Backend) -> None:
    frame = pl.DataFrame({"a": [1, None], "t": ["x", "y"]})
    stored = kept(blobs, Arrow(frame))
    assert stored == kept(blobs, frame)


PANDAS = {
    "whole": [1, 2, 3],
    "fraction": [0.5, float("nan"), 2.0],
    "flag": [True, False, True],
    "text": ["a", None, "ß"],
    "moment": pd.to_datetime(["2013-01-01", None, "2013-03-31"]),
    "zoned": pd.to_datetime(["2013-01-01", None, "2013-07-01"]).tz_localize("Europe/Paris"),
    "span": pd.to_timedelta(["1h", None, "2s"]),
    "maybe": pd.array([1, None, 3], dtype="Int64"),
    "perhaps": pd.array([True, None, False], dtype="boolean"),
    "kind": pd.Categorical(["u", None, "v"]),
    "small": pd.array([1, 2, 3], dtype="int8"),
}


@pytest.mark.parametrize("name", PANDAS)
def test_a_pandas_frame_goes_through_the_store_unchanged(blobs: Backend, name: str) -> None:
    frame = pd.DataFrame({name: PANDAS[name]})
    stored = kept(blobs, frame)
    assert (stored.kind, stored.rows, stored.columns) == ("frame", 3, (name,))
    found = frames.to_pandas(values.load(blobs, stored))
    pd.testing.assert_frame_equal(found, frame)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (pd.DataFrame({"a": [1]}, index=["x"]), "an index of its own"),
        (pd.DataFrame({"a": [1, 2]}).iloc[1:], "an index of its own"),
        (pd.DataFrame({3: [1]}), "a column name that is no text"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns have one name"),
        (pd.DataFrame({"a": ["x", 3]}), "with a int beside texts"),
        (pd.DataFrame({"a": [1 + 2j]}), "which has no exact form"),
        (pd.DataFrame({"a": pd.period_range("2013-01", periods=1, freq="M")}), "no exact form"),
    ],
)
def test_a_pandas_frame_without_an_exact_form_is_refused(
    blobs: Backend, frame: Any, reason: str
) -> None:
    with pytest.raises(UserCodeError, match=reason):
        kept(blobs, frame)


def test_a_large_frame_is_written_beside_memory(
    blobs: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pl.DataFrame({"a": range(1000)})
    small = kept(blobs, frame)
    monkeypatch.setattr(frames, "IN_MEMORY", 10)
    assert kept(blobs, frame) == small


def test_a_file_keeps_its_bytes_and_suffix(blobs: Backend, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv.gz"
    file.write_bytes(b"packed")
    stored = kept(blobs, file)
    assert (stored.kind, stored.format) == ("file", ".csv.gz")
    assert values.load(blobs, stored).read_bytes() == b"packed"


def test_a_folder_is_kept_file_by_file(blobs: Backend, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "1.png").write_bytes(b"one")
    (folder / "run.sh").write_bytes(b"two")
    (folder / "run.sh").chmod(0o755)
    stored = kept(blobs, folder)
    laid = filing.lay(blobs, stored, tmp_path, "again")
    found = {p.relative_to(laid).as_posix(): p.stat().st_mode & 0o777 for p in laid.rglob("*.*")}
    assert found == {"a/1.png": 0o444, "run.sh": 0o555}
    assert kept(blobs, laid).digest == kept(blobs, folder).digest
    assert len(set(filing.blobs_of(blobs, stored))) == 4
    assert values.is_present(blobs, stored)
    blobs.delete([digests.of_bytes(b"one")])
    assert not values.is_present(blobs, stored)


def test_a_folder_with_a_link_out_of_it_is_refused(blobs: Backend, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "out").symlink_to("/etc/passwd")
    with pytest.raises(UserCodeError, match="cannot be kept"):
        kept(blobs, folder)
    with pytest.raises(UserCodeError, match="neither a file nor a folder"):
        kept(blobs, folder / "out")
    with pytest.raises(UserCodeError, match="where there is nothing"):
        kept(blobs, folder / "nowhere")


def test_a_stored_folder_that_would_leave_its_place_is_refused(
    blobs: Backend, tmp_path: Path
) -> None:
    outside = Entry("../outside.txt", blobs.put(b"x"), 1)
    stored = StoredValue(kind="folder", digest=manifest.build([outside], blobs))
    with pytest.raises(BackendError, match=r"holds '\.\./outside\.txt'"):
        filing.lay(blobs, stored, tmp_path / "laid", "folder")
    assert not (tmp_path / "laid" / "outside.txt").exists()


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (pl.DataFrame({"a": [1]}), ["it.parquet"]),
        ({"a": 1}, ["it.json"]),
        ("text", ["it.txt"]),
        (b"raw", ["it.bin"]),
        (np.arange(3), ["it.npy"]),
        ({"w": np.arange(3)}, ["it.safetensors"]),
        ({"rows": pl.DataFrame({"a": [1]}), "n": 3}, ["it/n.json", "it/rows.parquet"]),
        (
            [pl.DataFrame({"a": [i]}) for i in range(11)],
            [f"it/{i:02}.parquet" for i in range(11)],
        ),
    ],
)
def test_any_value_can_be_had_as_a_file(
    blobs: Backend, tmp_path: Path, value: Any, names: list[str]
) -> None:
    place = tmp_path / "laid"
    place.mkdir()
    filing.lay(blobs, kept(blobs, value), place, "it")
    found = sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file())
    assert found == names


def test_a_dict_whose_key_is_a_path_cannot_be_had_as_a_folder(
    blobs: Backend, tmp_path: Path
) -> None:
    stored = kept(blobs, {"../x": pl.DataFrame()})
    with pytest.raises(UserCodeError, match="the key is no file name"):
        filing.lay(blobs, stored, tmp_path, "it")


def test_storing_and_loading_plain_data_imports_no_large_library() -> None:
    code = """
import sys, tempfile
from trueup.backends.blobs.local import Backend
from trueup.lifecycle.pipeline.passing import keeping, values
from trueup.lifecycle.pipeline.records import Place
blobs = Backend(f"local://{tempfile.mkdtemp()}/blobs")
stored = keeping.store(blobs, {"a": [1, "x"]}, "train", Place("x.py", 1))
assert values.load(blobs, stored) == {"a": [1, "x"]} and values.is_present(blobs, stored)
print(sorted({"numpy", "polars", "pandas", "safetensors"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_dict_is_kept_value_by_value(blobs: Backend) -> None:
    stored = kept(blobs, {"rows": pl.DataFrame({"a": [1]}), "n": 3})
    assert (stored.kind, stored.parts["rows"].kind, stored.parts["n"].kind) == (
        "parts",
        "frame",
        "json",
    )
    assert values.load(blobs, stored)["n"] == 3
    assert values.part(blobs, stored, "rows", "split", AT) == stored.parts["rows"]


def test_a_part_of_plain_data_is_a_value_too(blobs: Backend) -> None:
    stored = kept(blobs, {"best": {"depth": 3}})
    assert values.load(blobs, values.part(blobs, stored, "best", "search", AT)) == {"depth": 3}


def test_a_part_that_is_not_there_is_named(blobs: Backend) -> None:
    with pytest.raises(
        UserCodeError, match=r"has no 'trian'; it has 'train'.* Did you mean 'train'"
    ):
        values.part(blobs, kept(blobs, {"train": pl.DataFrame()}), "trian", "split", AT)
    with pytest.raises(UserCodeError, match="has no 'x'; it is a frame"):
        values.part(blobs, kept(blobs, pl.DataFrame()), "x", "split", AT)


def test_numbers_by_name_are_metrics(blobs: Backend) -> None:
    assert values.metrics(blobs, kept(blobs, {"auc": np.float64(0.7), "rows": 3})) == {
        "auc": 0.7,
        "rows": 3.0,
    }


@pytest.mark.parametrize("other", [{"auc": "high"}, {"ok": True}, [1.0], 0.7, {"a": {"b": 1}}])
def test_other_results_are_no_metrics(blobs: Backend, other: Any) -> None:
    assert values.metrics(blobs, kept(blobs, other)) == {}


def test_numpy_numbers_become_plain_ones(blobs: Backend) -> None:
    found = values.load(blobs, kept(blobs, [np.int64(3), np.bool(True), np.float32(0.5)]))
    assert found == [3, True, 0.5]
    assert type(found[0]) is int


REFUSED = {
    "set": ({1, 2}, "is a set", "return sorted(items)"),
    "lazy frame": (pl.LazyFrame(), "LazyFrame", "return frame.collect()"),
    "series": (pl.Series([1]), "Series", "return series.to_frame()"),
    "date": ({"until": date(2013, 1, 1)}, "in ['until'] is a datetime.date", "isoformat"),
    "generator": ((x for x in "ab"), "is a generator", "return list(items)"),
    "nan": ({"auc": float("nan")}, "holds nan, which JSON cannot say", "return a polars"),
    "function": (len, "builtin_function_or_method", "return function_model(predict)"),
    "number as key": (
        {1: pl.DataFrame()},
        "has the key 1; keys must be text",
        "return a polars",
    ),
    "array of objects": (
        np.array([object()]),
        "is an array of Python objects",
        "return a polars",
    ),
    "column of objects": (
        pl.DataFrame({"o": [object()]}),
        "Parquet cannot hold",
        "return a polars",
    ),
}


@pytest.mark.parametrize(("value", "reason", "cure"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_safe_form_is_refused_with_a_cure(
    blobs: Backend, value: Any, reason: str, cure: str
) -> None:
    with pytest.raises(UserCodeError) as caught:
        kept(blobs, value)
    assert caught.value.message.startswith("pipelines/flights.py:7: what step 'train' returned")
    assert reason in caught.value.message
    assert cure in caught.value.hint


def test_a_model_that_could_run_code_when_loaded_is_refused(blobs: Backend) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    model = make_pipeline(FunctionTransformer(print), LogisticRegression())
    with pytest.raises(UserCodeError, match=r"step 'train': The model holds .*print"):
        kept(blobs, model)


def test_presence_means_every_part(blobs: Backend) -> None:
    stored = kept(blobs, {"a": pl.DataFrame({"x": [1]}), "b": [1]})
    assert values.is_present(blobs, stored)
    blobs.delete([stored.parts["b"].digest])
    assert not values.is_present(blobs, stored)


def circle() -> Any:
    inner: list[Any] = [1]
    inner.append({"again": inner})
    return {"rows": [0, inner]}


def circle_beside_a_frame() -> Any:
    parts: dict[str, Any] = {"frame": pl.DataFrame({"a": [1]})}
    parts["self"] = parts
    return parts


def tower(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (circle(), r"step 'train' returned in \['rows'\]\[1\]\[1\]\['again'\] holds itself"),
        (circle_beside_a_frame(), r"returned in \['self'\] holds itself"),
        (tower(300), r"returned in (\[0\]){6}…\[0\] is nested more than 200 levels deep"),
        (tower(100_000), r"is nested more than 200 levels deep"),
    ],
)
def test_what_goes_on_without_end_is_refused_with_its_path(
    blobs: Backend, value: Any, says: str
) -> None:
    with pytest.raises(UserCodeError, match=says) as refused:
        kept(blobs, value)
    assert (refused.value.code, refused.value.context["step"]) == ("step-output", "train")
    assert "by their number" in refused.value.hint or "as one list" in refused.value.hint


def test_what_is_deep_but_ends_comes_back_equal(blobs: Backend) -> None:
    shared = [1]
    for value in (tower(199), [shared, shared, {"twice": shared}]):
        assert values.load(blobs, kept(blobs, value)) == value
