"""What `tracking.py` measures, by MLflow's own client: run by the peer's interpreter.

Arguments: address of the server, then name and size of each work, as `log_metric:500`. Prints one
JSON object for each. `floor` is what the client alone takes to read an answer that it has already:
no server can be faster than that through it.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.protos.service_pb2 import GetMetricHistory, SearchRuns
from mlflow.utils.proto_json_utils import parse_dict

SESSION = requests.Session()


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


def history(client: MlflowClient, points: int) -> dict[str, object]:
    run = client.create_run("0").info.run_id
    for start in range(0, points, 1000):
        client.log_batch(
            run, [Metric("loss", 1 / (i + 1), i, i) for i in range(start, start + 1000)]
        )
    found = rate(lambda _i: client.get_metric_history(run, "loss"), 3)
    assert len(client.get_metric_history(run, "loss")) == points
    asked = {"run_id": run, "metric_key": "loss"}
    tokens: list[str] = []
    floor = answer = 0.0
    while True:
        more = {"page_token": tokens[-1]} if tokens else {}
        took, text = timed(lambda more=more: got(client, "metrics/get-history", asked | more))
        answer += took
        floor += timed(lambda text=text: read(text, GetMetricHistory.Response(), Metric))[0]
        token = json.loads(text).get("next_page_token")
        if not token:
            break
        tokens.append(token)
    return found | {"floor": floor, "answer": answer}


def search(client: MlflowClient, experiment: int) -> dict[str, object]:
    asked = {
        "experiment_ids": [str(experiment)],
        "max_results": 100,
        "order_by": ["metrics.loss ASC"],
    }

    def call(_number: int) -> list[str]:
        found = client.search_runs(**asked)
        return [run.info.run_id for run in found]

    found = rate(call, 5)
    answer, text = timed(lambda: posted(client, "runs/search", asked))
    floor, _ = timed(lambda: read(text, SearchRuns.Response(), Run))
    return found | {"floor": floor, "answer": answer, "found": call(0)}


def posted(client: MlflowClient, path: str, body: dict[str, object]) -> str:
    """An answer as text, by the same library that the client uses."""
    with SESSION.post(f"{client.tracking_uri}/api/2.0/mlflow/{path}", json=body) as reply:
        reply.raise_for_status()
        return reply.text


def got(client: MlflowClient, path: str, query: dict[str, object]) -> str:
    with SESSION.get(f"{client.tracking_uri}/api/2.0/mlflow/{path}", params=query) as reply:
        reply.raise_for_status()
        return reply.text


def read(text: str, message: Any, kind: Any) -> list[object]:
    """What the client does with an answer."""
    parse_dict(json.loads(text), message)
    return [kind.from_proto(each) for field in message.ListFields()[:1] for each in field[1]]


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """The fastest of three, in milliseconds, and what it found."""
    took = []
    for _ in range(3):
        start = time.perf_counter()
        found = call()
        took.append((time.perf_counter() - start) * 1000)
    return min(took), found


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
    address, *works = sys.argv[1:]
    mlflow.set_tracking_uri(address)
    for each in works:
        work, _, size = each.partition(":")
        print(json.dumps({"work": work} | WORKS[work](MlflowClient(), int(size))), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
