"""Predictors of a project, as docs/predictors.md shows them: its examples run here."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from trueup import function_model
from trueup.backends.formats.function import Backend
from trueup.foundation.errors import TrueupError, UsageError

DOCS = Path(__file__).parents[4] / "docs" / "predictors.md"
ROWS = pl.DataFrame({"distance": [-3000.0, 3000.0, None]})
WEIGHTS = {"weights.json": b'{"distance": 0.001}'}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of a project that holds the examples, and some that are wrong."""
    examples = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.S)
    wrong = """
def short(rows): return {"score": [0.5] * len(rows), "why": ["x"]}
def nameless(rows): return {"answer": [0.5] * len(rows)}
def taken(rows): return {"score": [0.5] * len(rows), "release": [1] * len(rows)}
def strange(rows): return {"score": [0.5] * len(rows), "why": [object()] * len(rows)}
class Nothing: pass
"""
    (tmp_path / "own_predictors.py").write_text("\n".join([*examples, wrong]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("own_predictors")
    del sys.modules["own_predictors"]


def loaded(model: Any) -> Any:
    """The predictor, as a server has it: from bytes."""
    form = Backend()
    return form.predictor(form.load(form.dump(model)))


def test_a_function_is_a_model(own: Any) -> None:
    predict = loaded(function_model(own.late))
    assert predict(pl.DataFrame({"distance": [1500.0, 9000.0]})).tolist() == [0.5, 1.0]
    assert predict.told(pl.DataFrame({"distance": [1500.0]}))[1] == {}


def test_a_class_is_loaded_once_and_each_stage_gets_what_the_one_before_gave(own: Any) -> None:
    predict = loaded(function_model(own.Late, data=WEIGHTS))
    scores, extra = predict.told(ROWS)
    assert scores.round(3).tolist() == [0.047, 0.953, 0.5]
    assert extra == {"label": ["on time", "late", "on time"]}
    assert predict(ROWS).tolist() == scores.tolist()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("short", "1 values of 'why' for 3 rows"),
        ("nameless", "without 'score'"),
        ("taken", "'release', which is no free name"),
        ("strange", "more than text, numbers and booleans"),
    ],
)
def test_what_is_no_answer_is_named(own: Any, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        loaded(function_model(getattr(own, name)))(ROWS)


def test_a_class_without_any_stage_is_no_model(own: Any) -> None:
    with pytest.raises((TrueupError, TypeError), match="none of decode, predict, encode"):
        function_model(own.Nothing)
