"""A fingerprint changes when the code's meaning does, and only then."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from trueup.statistics.fingerprints import fingerprint_of
from trueup.statistics.metrics import METRICS, Metric, fingerprint, metric

SOURCE = '''
import math
LIMIT = 0.5
def helper(x):
    """What it does."""
    return x + 1
def other(x):
    return x - 1
class Result:
    """What it is."""
    unit: str = "s"
def measure(x: float) -> float:
    """First line."""
    y = helper(x)  # why
    Result()
    return math.sqrt(y) if y > LIMIT else 0
'''


@pytest.fixture
def digest(tmp_path, monkeypatch):
    made = iter(range(99))

    def of(source: str) -> str:
        path = tmp_path / f"edition{next(made)}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location("own_metric", path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "own_metric", module)
        spec.loader.exec_module(module)
        return fingerprint_of(module.measure)

    return of


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# why", "# for another reason"),
        ("First line.", "Another line.\n\n    And more.\n    "),
        ("What it does.", "What it did."),
        ("What it is.", "What it was."),
        ("x: float", "x: int"),
        ("-> float", "-> int"),
        ("return x - 1", "return x - 2"),
        ("y = helper(x)", "y = (helper(\n        x))"),
    ],
)
def test_layout_words_types_and_unused_code_do_not_matter(digest, before, after):
    assert digest(SOURCE.replace(before, after)) == digest(SOURCE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("else 0", "else 1"),
        ("y > LIMIT", "y >= LIMIT"),
        ("return x + 1", "return x + 2"),
        ("LIMIT = 0.5", "LIMIT = 0.6"),
        ('"s"', '"ms"'),
        ("helper(x)  ", "other(x)  "),
        ("math.sqrt(y)", "math.cbrt(y)"),
    ],
)
def test_code_helpers_and_constants_matter(digest, before, after):
    assert digest(SOURCE.replace(before, after)) != digest(SOURCE)


def test_every_metric_has_its_own_stable_fingerprint():
    marks = {name: fingerprint(made) for name, made in METRICS.items()}
    assert len(set(marks.values())) == len(METRICS)
    assert all(mark.startswith("b3:") and len(mark) == 67 for mark in marks.values())
    assert marks["brier"] == fingerprint(metric("brier"))


def test_the_same_code_under_another_name_or_direction_is_another_metric():
    brier = metric("brier")
    renamed = Metric("other", brier.better, brier.needs, brier.function)
    turned = Metric(brier.name, "higher", brier.needs, brier.function)
    assert len({fingerprint(made) for made in (brier, renamed, turned)}) == 3


def test_code_without_source_is_refused():
    with pytest.raises(ValueError, match="plain function"):
        fingerprint_of(len)
    hidden: dict[str, object] = {"__name__": "trueup.statistics.metrics"}
    exec("def made(): return 1", hidden)
    with pytest.raises(ValueError, match="no readable source"):
        fingerprint_of(hidden["made"])


def test_code_that_depends_on_an_enclosing_function_is_refused():
    limit = 3

    def enclosed() -> int:
        return limit

    with pytest.raises(ValueError, match="enclosing function"):
        fingerprint_of(enclosed)
