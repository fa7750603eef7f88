"""What one caller may ask: rates that all processes share, and bodies."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from trueup.lifecycle.plan.deployments import Limits
from trueup.lifecycle.serving.server.limits import Limiter
from trueup.lifecycle.serving.server.rates import Rates, shared
from trueup.lifecycle.serving.server.routing import Caller

from ..conftest import Server, request_of


def test_a_bucket_empties_and_belongs_to_one_caller() -> None:
    rates = Rates()
    assert [rates.take("a", 1, 0.01, 200) for _ in range(2)] == [0, 0]
    assert 99 < rates.take("a", 1, 0.01, 200) <= 100
    assert rates.take("b", 1, 0.01, 200) == 0
    assert rates.take("large", 1000, 0.01, 200) == 0, "a full bucket lets it through"
    assert rates.take("large", 1, 0.01, 200) > 90_000, "and takes as much longer to fill"


def test_processes_share_the_buckets() -> None:
    descriptor = shared()
    code = (
        "import sys; from trueup.lifecycle.serving.server.rates import Rates; "
        "print(Rates(int(sys.argv[1])).take('a', 1, 0.001, 1000))"
    )
    waits = [
        float(
            subprocess.run(
                [sys.executable, "-c", code, str(descriptor)],
                pass_fds=[descriptor],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(2)
    ]
    assert waits[0] == 0
    assert waits[1] > 900


@pytest.mark.parametrize("what", ["requests_per_second", "rows_per_second"])
def test_who_sends_too_much_waits_and_others_do_not(
    start: Callable[..., Server], what: str
) -> None:
    limits = {"late": Limits(**{what: 0.01, "burst_seconds": 300.0})}
    server = start(limiter=Limiter(lambda: limits, Rates()))
    server.serve((1, "flights@1", 1.0))
    server.application._authorize = lambda request, *_: Caller(
        request.headers[b"authorization"].decode()
    )
    answers = [server.infer(request_of([1.0]), authorization="a") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json["code"] == "rate-limited"
    assert 90 < int(answers[-1].headers["retry-after"]) <= 100
    assert server.infer(request_of([1.0]), authorization="b").status == 200
    metrics = server.ask("GET", "/metrics", headers={"authorization": "a"}).body.decode()
    assert 'trueup_errors_total{deployment="late",code="rate-limited"} 1' in metrics
