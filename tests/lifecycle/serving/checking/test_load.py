"""A load comes by the clock: what a server keeps waiting counts, and limits are held by bounds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import Any

import pytest

from trueup.foundation.errors import BackendError
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.serving.checking import load as loading
from trueup.lifecycle.serving.checking.asking import Deployment
from trueup.lifecycle.serving.checking.load import Load, Sent
from trueup.state.outbound import Outbound

from .conftest import NAME, Behaviour, well_behaved

ROWS = {"x": [1.0, 2.0, 3.0]}


def outcomes(found: CheckResult) -> dict[str, str]:
    """The outcome of each part."""
    return {part.name: part.outcome for part in found.parts}


def judged(milliseconds: list[float], **more: Any) -> CheckResult:
    """What would be found if requests took so long."""
    failures = more.pop("failures", Counter[str]())
    late = more.pop("late", [0.0])
    sent = Sent(milliseconds, failures, late, 1.0)
    return loading.judged(Load(rate=100.0, seconds=1.0, **more), sent, "late at here")


@pytest.mark.slow
def test_our_own_server_bears_a_load(real: Deployment) -> None:
    load = Load(rate=80.0, seconds=1.0, p95_ms=5000.0, rows=2)
    found = loading.check(real, ROWS, load)
    assert found.outcome in ("passed", "not-enough-data"), found.words
    assert outcomes(found)["errors"] == "passed"
    assert found.rows == 80


def test_a_server_that_stalls_cannot_hide_what_it_kept_waiting(
    serve: Callable[[Behaviour], str], http: Outbound
) -> None:
    one_at_a_time, asked = Lock(), [0]

    def behave(path: str, body: bytes) -> tuple[int, Any]:
        with one_at_a_time:
            asked[0] += path.endswith("infer")
            if asked[0] == 5 and path.endswith("infer"):
                time.sleep(0.4)
            return well_behaved(path, body)

    load = Load(rate=100.0, seconds=0.4, concurrency=1, p95_ms=1000.0)
    found = loading.check(Deployment(serve(behave), NAME, http), ROWS, load)
    p50 = next(part.value for part in found.parts if part.name == "p50")
    assert p50 is not None and p50 > 100  # one slow call made the others wait, and they say so


def test_what_gets_no_answer_is_counted_with_its_cause(
    serve: Callable[[Behaviour], str], http: Outbound
) -> None:
    asked = [0]

    def behave(path: str, body: bytes) -> tuple[int, Any]:
        asked[0] += path.endswith("infer")
        return (503, {"error": "busy"}) if asked[0] > 5 else well_behaved(path, body)

    url = serve(behave)
    found = loading.check(Deployment(url, NAME, http), ROWS, Load(rate=200.0, seconds=0.1))
    assert found.outcome == "failed"
    assert "16 of 20 requests got no answer (16 x status 503)" in found.words


def test_no_load_is_sent_where_one_request_fails(
    serve: Callable[[Behaviour], str], http: Outbound
) -> None:
    asked = [0]

    def behave(path: str, body: bytes) -> tuple[int, Any]:
        asked[0] += path.endswith("infer")
        return (400, {"error": "no"}) if path.endswith("infer") else well_behaved(path, body)

    with pytest.raises(BackendError, match="answers with 400: no"):
        loading.check(Deployment(serve(behave), NAME, http), ROWS, Load(rate=200.0, seconds=0.1))
    assert asked == [1]


@pytest.mark.parametrize(
    ("milliseconds", "outcome"),
    [
        ([5.0] * 100, "passed"),
        ([25.0] * 100, "failed"),
        ([5.0] * 50, "not-enough-data"),
        ([5.0] * 96 + [50.0] * 4, "not-enough-data"),
        ([], "failed"),
    ],
)
def test_a_limit_is_held_by_its_bound(milliseconds: list[float], outcome: str) -> None:
    failures = Counter({} if milliseconds else {"ReadTimeout": 3})
    assert judged(milliseconds, p95_ms=20.0, failures=failures).outcome == outcome


def test_a_client_that_is_too_slow_does_not_blame_the_server() -> None:
    found = judged([5.0] * 100, p95_ms=20.0, late=[9.0] * 100)
    assert found.outcome == "not-enough-data"
    assert "it measures itself; lower the rate" in found.words
    assert judged([25.0] * 100, p95_ms=20.0, late=[9.0] * 100).outcome == "failed"


def test_without_limits_only_errors_are_held() -> None:
    found = judged([5.0] * 100)
    assert found.outcome == "passed"
    assert outcomes(found)["p99"] == "not-applicable"
