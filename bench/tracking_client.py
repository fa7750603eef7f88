"""What `tracking.py` measures, by MLflow's own client: run by the peer's interpreter.

Arguments: address of the server, name of the work, and its size. Prints one JSON object.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param


def rate(call: Callable[[int], object], times: int) -> dict[str, float]:
    """Calls in a second, and the median of one in milliseconds."""
    call(-1)
    took = []
    for number in range(times):
        start = time.perf_counter()
        call(number)
        took.append(time.perf_counter() - start)
    return {"rate": times / sum(took), "ms": statistics.median(took) * 1000}


def log_metric(client: MlflowClient, times: int) -> dict[str, float]:
    run = client.create_run("0").info.run_id
    return rate(lambda i: client.log_metric(run, "loss", 1 / (i + 2), step=i), times)


def whole_run(client: MlflowClient, times: int) -> dict[str, float]:
    params = [Param(f"p{i}", str(i)) for i in range(10)]
    metrics = [Metric(f"m{i}", i, 1, 0) for i in range(10)]

    def call(_number: int) -> None:
        run = client.create_run("0").info.run_id
        client.log_batch(run, metrics=metrics, params=params)
        client.set_terminated(run)

    return rate(call, times)


def log_batch(client: MlflowClient, times: int) -> dict[str, float]:
    run = client.create_run("0").info.run_id

    def call(number: int) -> None:
        at = (number + 1) * 100
        client.log_batch(run, [Metric(f"m{i % 10}", i, at, at + i // 10) for i in range(1000)])

    return rate(call, times)


def history(client: MlflowClient, points: int) -> dict[str, float]:
    run = client.create_run("0").info.run_id
    for start in range(0, points, 1000):
        client.log_batch(
            run, [Metric("loss", 1 / (i + 1), i, i) for i in range(start, start + 1000)]
        )
    found = rate(lambda _i: client.get_metric_history(run, "loss"), 3)
    assert len(client.get_metric_history(run, "loss")) == points
    return found


def search(client: MlflowClient, experiment: int) -> dict[str, float]:
    def call(_number: int) -> None:
        found = client.search_runs(
            [str(experiment)], max_results=100, order_by=["metrics.loss ASC"]
        )
        assert len(found) == 100

    return rate(call, 5)


def model(_client: MlflowClient, times: int) -> dict[str, float]:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])

    def call(_number: int) -> None:
        with mlflow.start_run():
            info = mlflow.sklearn.log_model(fitted, name="model", pip_requirements=[])
        mlflow.sklearn.load_model(info.model_uri)

    return rate(call, times)


def write(client: MlflowClient, seconds: int) -> dict[str, float]:
    """Log one point after the other, then count what is there."""
    run = client.create_run("0").info.run_id
    end = time.monotonic() + seconds
    sent = errors = 0
    while time.monotonic() < end:
        try:
            client.log_metric(run, "loss", float(sent), step=sent)
            sent += 1
        except Exception:
            errors += 1
    steps = {point.step for point in client.get_metric_history(run, "loss")}
    return {"sent": sent, "errors": errors, "lost": len(set(range(sent)) - steps)}


WORKS = {
    work.__name__: work
    for work in (log_metric, whole_run, log_batch, history, search, model, write)
}


def main() -> int:
    address, work, size = sys.argv[1:4]
    mlflow.set_tracking_uri(address)
    print(json.dumps(WORKS[work](MlflowClient(), int(size))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
