"""A cache key is made of every component, and a miss is explained by those that differ."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.pipeline import keys
from trueup.lifecycle.pipeline.records import CodeFingerprint

CODE = CodeFingerprint(
    digest="b3:1", parts={"work.py:train": "b3:2"}, packages={"scikit-learn": "1.6"}
)
BASE = keys.components("train", CODE, {"depth": 4}, {"rows": "b3:a"}, {"skops": "0.13"})
SMALL = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3))


def changed(**fields: Any) -> Any:
    return msgspec.structs.replace(BASE, **fields)


@pytest.mark.parametrize(
    ("current", "reason"),
    [
        (changed(parameters={"depth": 6}), "depth was 4, is 6"),
        (changed(parameters={"depth": 4.0}), "depth was 4, is 4.0"),
        (changed(parameters={}), "depth is gone"),
        (changed(inputs={"rows": "b3:b"}), "input rows changed"),
        (changed(parts={"work.py:train": "b3:3"}), "code of work.py:train changed"),
        (changed(packages={"scikit-learn": "1.7", "skops": "0.13"}),
         "package scikit-learn was 1.6, is 1.7"),
        (changed(python="3.99"), f"Python was {BASE.python}, is 3.99"),
        (changed(layout=2), "Trueup keeps values in a new layout"),
        (changed(code="b3:9"), "its code calls the same parts in another way"),
    ],
)  # fmt: skip
def test_every_component_counts_and_is_named(current: Any, reason: str) -> None:
    assert keys.key(current) != keys.key(BASE)
    assert keys.explain(BASE, current) == [reason]


def test_a_first_run_says_so() -> None:
    assert keys.explain(None, BASE) == ["it has not run before"]


@given(SMALL, SMALL)
def test_keys_are_equal_exactly_when_there_is_nothing_to_explain(
    one: dict[str, int], two: dict[str, int]
) -> None:
    first, second = changed(parameters=one), changed(parameters=two)
    assert (keys.key(first) == keys.key(second)) == (keys.explain(first, second) == [])


def test_a_long_value_is_shortened() -> None:
    [reason] = keys.explain(BASE, changed(parameters={"depth": "x" * 500}))
    assert len(reason) < 120
