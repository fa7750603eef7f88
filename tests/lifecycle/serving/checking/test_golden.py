"""Golden rows keep their answers; a file without any is refused, with what makes one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trueup.foundation.errors import UsageError
from trueup.lifecycle.serving.checking import golden
from trueup.lifecycle.serving.checking.asking import Deployment
from trueup.lifecycle.serving.checking.golden import Golden
from trueup.state.outbound import Outbound

from .conftest import NAME, Behaviour, well_behaved

ROWS = {"x": [1.0, 2.0, 3.0]}


def shifted(by: float) -> Behaviour:
    """A server whose answers are off by so much."""

    def behave(path: str, body: bytes) -> tuple[int, Any]:
        status, said = well_behaved(path, body)
        if "model_name" in said:
            data = said["outputs"][0]["data"]
            data[0] += by
        return status, said

    return behave


@pytest.fixture
def there(serve: Callable[[Behaviour], str], http: Outbound) -> Callable[[float], Deployment]:
    return lambda by: Deployment(serve(shifted(by)), NAME, http)


def test_what_was_recorded_holds(there: Callable[[float], Deployment], tmp_path: Path) -> None:
    deployment = there(0.0)
    file = tmp_path / "golden.json"
    file.write_text(golden.write(golden.record(deployment, ROWS, 1e-6)))
    kept = golden.read(file)
    assert kept.scores == pytest.approx([0.1, 0.2, 0.3])
    found = golden.check(deployment, kept)
    assert (found.outcome, found.rows, len(found.parts)) == ("passed", 3, 3)


def test_a_row_that_moved_is_named_by_its_number(there: Callable[[float], Deployment]) -> None:
    kept = golden.record(there(0.0), ROWS, 1e-3)
    assert golden.check(there(5e-4), kept).outcome == "passed"
    found = golden.check(there(0.05), kept)
    assert (found.outcome, found.value) == ("failed", 1.0)
    assert [part.name for part in found.parts] == ["row 1"]
    assert "row 1: 0.15 instead of 0.1" in found.words


def test_rows_that_do_not_fit_are_an_error(there: Callable[[float], Deployment]) -> None:
    kept = Golden(deployment=NAME, tolerance=0.0, columns={"y": [1.0]}, scores=[0.1])
    found = golden.check(there(0.0), kept)
    assert found.outcome == "error"
    assert "lacks x, which late takes" in found.words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "truncated"),
        ("{}", "missing required field"),
        ('{"deployment":"d","tolerance":0,"columns":{},"scores":[]}', "or no rows"),
        ('{"deployment":"d","tolerance":0,"columns":{"x":[1]},"scores":[1,2]}', "different len"),
    ],
)
def test_a_file_without_golden_rows_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "golden.json"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        golden.read(file)
    assert said in caught.value.message
    assert "--record golden.json" in (caught.value.hint or "")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        golden.read(tmp_path / "none.json")
