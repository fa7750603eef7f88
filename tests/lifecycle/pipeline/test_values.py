"""Values between steps come back equal, in a safe form, or are refused with a cure."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from trueup.backends.blobs.local import Backend
from trueup.foundation import digests
from trueup.foundation.errors import UserCodeError
from trueup.lifecycle.pipeline import values
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
    return values.store(blobs, value, "train", AT)


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
    "function": (len, "builtin_function_or_method", "return a polars"),
    "number as key": ({1: pl.DataFrame()}, "has the key 1; keys must be text", "return a polars"),
    "array of objects": (np.array([object()]), "is an array of Python objects", "return a polars"),
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
    path = blobs.local_path(stored.parts["b"].digest)
    path.unlink()
    assert not values.is_present(blobs, stored)
