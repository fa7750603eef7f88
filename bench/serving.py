"""Requests a second and latency of the prediction server and of five peers, in one run.

    python bench/serving.py [--seconds S] [--rounds N] [--only NAME …] [--models sklearn,onnx]

One model, one machine, one load tool (wrk, one row a request, connections kept alive). The model
is a pipeline of scikit-learn with 30 inputs; ours is trained, judged and released as users do it,
and each of its answers is on disk before it goes out; no peer records any. Peers run with one and
two workers, the better one counts. Writes the section "Serving" of bench/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.request import Request, urlopen

import numpy as np
import peers
import polars as pl
from results import write_section

HERE = Path(__file__).parent
INPUTS = [f"f{i:02}" for i in range(30)]
READY_S = 90
_LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open(os.getenv("BODY"), "rb")
wrk.body = file:read("*a")
file:close()
"""
_UNIT = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


class Figures(NamedTuple):
    """What wrk found: requests a second, milliseconds, and answers that were no success."""

    rate: float
    p50: float
    p99: float
    failed: int


class Server(NamedTuple):
    """Something to be asked.

    Attributes:
        name: In the table.
        workers: Processes that answer.
        command: Starts it at a port.
        path: Where it is asked.
        body: What it is asked.
        folder: Where it is started.
        environment: Variables besides the usual.
    """

    name: str
    workers: int
    command: Callable[[int], list[str]]
    path: str
    body: object
    folder: Path
    environment: dict[str, str] = {}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--seconds", type=int, default=8)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--only", nargs="*", default=[])
    asked.add_argument("--models", default="sklearn,onnx,lightgbm")
    asked.add_argument("--workers", default="1,2")
    asked.add_argument("--dry", action="store_true", help="print, write nothing")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        place = Path(folder)
        row = prepare(place)
        workers = [int(count) for count in options.workers.split(",")]
        servers = [*ours(place, row, options.models.split(","), workers)]
        servers += theirs(place, row, workers)
        chosen = [s for s in servers if not options.only or s.name.split()[0] in options.only]
        found = measure(chosen, options.seconds, options.rounds)
    lines = report(found, options.seconds, options.rounds)
    print("\n".join(lines))
    if not options.dry:
        write_section("Serving", lines)


def prepare(place: Path) -> list[float]:
    """A project with three released models, the first as a file for the peers; gives one row."""
    project = place / "project"
    shutil.copytree(HERE / "serving_project", project)
    random = np.random.default_rng(7)
    table = random.normal(size=(4_000, len(INPUTS)))
    chance = 1 / (1 + np.exp(-table @ random.normal(size=len(INPUTS)) / 3))
    paid = (random.random(len(table)) < chance).astype(np.int64)
    columns = {name: table[:, i] for i, name in enumerate(INPUTS)}
    (project / "data").mkdir()
    pl.DataFrame({**columns, "paid": paid}).write_parquet(project / "data" / "credit.parquet")
    (project / ".gitignore").write_text(".trueup\n")
    author = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "Bench"]):
        subprocess.run(["git", *words], cwd=project, check=True)
    for model in ("sklearn", "onnx", "lightgbm"):
        for words in (["run", model], ["check", f"{model}@1"]):
            subprocess.run([*trueup(), *words], cwd=project, check=True, capture_output=True)
    for deployment in ("sklearn", "onnx", "lightgbm", "unrecorded"):
        model = "sklearn" if deployment == "unrecorded" else deployment
        words = ["release", "propose", f"{model}@1", "--to", deployment]
        subprocess.run([*trueup(), *words], cwd=project, check=True, capture_output=True)
    script = (
        "import sys, joblib, polars as pl; sys.path.insert(0, 'pipelines'); import credit;"
        "rows = pl.read_parquet('data/credit.parquet');"
        "joblib.dump(credit.scaled(rows.slice(rows.height // 10)), sys.argv[1])"
    )
    model_file = str(place / "model.joblib")
    subprocess.run([sys.executable, "-c", script, model_file], cwd=project, check=True)
    return [round(float(value), 6) for value in table[0]]


def trueup() -> list[str]:
    return [sys.executable, "-m", "trueup"]


def ours(place: Path, row: list[float], models: list[str], workers: list[int]) -> Iterator[Server]:
    tensors = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in zip(INPUTS, row, strict=True)
    ]
    for deployment in (*models, "unrecorded"):
        for count in workers:
            yield Server(
                f"trueup {deployment}",
                count,
                lambda port, count=count: [
                    *trueup(), "serve", "--port", str(port), "--workers", str(count)
                ],
                f"/v2/models/{deployment}/infer",
                {"inputs": tensors},
                place / "project",
            )  # fmt: skip


def theirs(place: Path, row: list[float], workers: list[int]) -> Iterator[Server]:
    model = str(place / "model.joblib")
    tensor = {"name": "rows", "shape": [1, len(row)], "datatype": "FP64", "data": row}
    outputs = [{"name": "predict_proba"}]
    for name, script, packages, path, body in (
        ("MLServer", "ml_server.py", peers.MLSERVER, "/v2/models/credit/infer",
         {"inputs": [tensor], "outputs": outputs}),
        ("BentoML", "bento.py", peers.BENTOML, "/predict", {"rows": [row]}),
        ("LitServe", "lit.py", peers.LITSERVE, "/predict", {"rows": [row]}),
        ("MLflow", "ml_flow.py", peers.MLFLOW_MODELS, "/invocations", {"inputs": [row]}),
        ("Ray", "ray_serve.py", peers.RAY, "/", {"rows": [row]}),
    ):  # fmt: skip
        python = peers.python(name.lower(), packages)
        for count in workers:
            yield Server(
                name,
                count,
                lambda port, python=python, script=script, count=count: [
                    python, str(HERE / "serving_peers" / script), str(port), str(count), model
                ],
                path,
                body,
                place,
            )  # fmt: skip


def measure(
    servers: list[Server], seconds: int, rounds: int
) -> dict[tuple[str, int], dict[int, Figures]]:
    """Medians over the rounds; the servers take turns, so that a slow minute hits all of them."""
    seen: dict[tuple[str, int], dict[int, list[Figures]]] = {}
    for _ in range(rounds):
        for server in servers:
            with running(server) as url:
                for connections in (1, 32):
                    loaded(server, url, connections, 2)
                    figures = loaded(server, url, connections, seconds)
                    of_server = seen.setdefault((server.name, server.workers), {})
                    of_server.setdefault(connections, []).append(figures)
                    print(f"{server.name:28} x{server.workers} {connections:3} {figures}")
    return {
        key: {
            connections: Figures(*(median(column) for column in zip(*figures, strict=True)))
            for connections, figures in by_connections.items()
        }
        for key, by_connections in seen.items()
    }


@contextmanager
def running(server: Server) -> Iterator[str]:
    """Start a server and wait until it answers; end it and all that it started."""
    port = 18000 + os.getpid() % 1000
    environment = {**os.environ, **server.environment}
    log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
    process = subprocess.Popen(
        server.command(port),
        cwd=server.folder,
        env=environment,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}{server.path}"
    try:
        wait_for(server, url, process, log)
        yield url
    finally:
        family = descendants(process.pid)  # some servers start daemons outside of their group
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        for pid in (process.pid, *family):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        log.close()


def descendants(pid: int) -> list[int]:
    """All processes that a process started, and those that they started."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
    found = [pid]
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found[1:]


def wait_for(server: Server, url: str, process: subprocess.Popen[bytes], log: object) -> None:
    until = time.monotonic() + READY_S
    raw = json.dumps(server.body).encode()
    request = Request(url, raw, {"Content-Type": "application/json"})
    while time.monotonic() < until and process.poll() is None:
        try:
            with urlopen(request, timeout=10) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    log.seek(0)  # type: ignore[attr-defined]
    print(log.read().decode()[-4_000:], file=sys.stderr)  # type: ignore[attr-defined]
    raise SystemExit(f"{server.name} does not answer at {url}")


def loaded(server: Server, url: str, connections: int, seconds: int) -> Figures:
    """What wrk finds with so many connections."""
    with tempfile.TemporaryDirectory() as folder:
        script, body = Path(folder, "post.lua"), Path(folder, "body.json")
        script.write_text(_LUA)
        body.write_text(json.dumps(server.body))
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--latency",
            "-s",
            script,
            url,
        ]
        done = subprocess.run(
            [str(word) for word in command],
            env={**os.environ, "BODY": str(body)},
            capture_output=True,
            text=True,
            check=True,
        )
    return read(done.stdout)


def read(text: str) -> Figures:
    """The figures in wrk's report."""
    words = {line.split()[0]: line.split()[-1] for line in text.splitlines() if line.split()}
    failed = int(words.get("Non-2xx", "0"))
    if "Socket" in words:
        errors = text.partition("Socket errors:")[2].partition("\n")[0]
        failed += sum(int(word) for word in errors.replace(",", "").split() if word.isdigit())
    return Figures(float(words["Requests/sec:"]), span(words["50%"]), span(words["99%"]), failed)


def span(text: str) -> float:
    number = text.rstrip("usmh")
    return float(number) * _UNIT[text[len(number) :]]


def report(
    found: dict[tuple[str, int], dict[int, Figures]], seconds: int, rounds: int
) -> list[str]:
    peers_32 = [f[32] for (name, _), f in found.items() if not name.startswith("trueup")]
    lines = [
        f"wrk, one thread, {seconds} s each, median of {rounds} rounds in turns, one row of 30",
        "numbers a request. Each answer is on disk before it goes out, but for `unrecorded`; peers",
        "record nothing. `sklearn` is the model that the peers serve.",
        "",
        "| Server | Workers | 32 clients: req/s | p50 ms | p99 ms | 1 client: p50 | p99 | Failed |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for (name, workers), by in found.items():
        many, one = by[32], by[1]
        lines.append(
            f"| {name} | {workers} | {many.rate:,.0f} | {many.p50:.1f} | {many.p99:.1f} "
            f"| {one.p50:.2f} | {one.p99:.2f} | {many.failed + one.failed:.0f} |"
        )
    best = max((f.rate for f in peers_32), default=0.0)
    mine = [by[32] for (name, _), by in found.items() if name == "trueup sklearn"]
    off = [by[32] for (name, _), by in found.items() if name == "trueup unrecorded"]
    if best and mine:
        top = max(mine, key=lambda figures: figures.rate)
        quick = min(f.p99 for f in peers_32)
        lines += [
            "",
            f"- {top.rate / best:.1f} × the best peer's requests/s (budget 4); its p99 is "
            f"{top.p99 / quick:.2f} of the best peer's (budget 0.5).",
        ]
    if mine and off:
        cost = 1 - max(f.rate for f in mine) / max(f.rate for f in off)
        lines.append(f"- Durable costs {cost:.0%} of requests/s against no journal (budget 20 %).")
    return lines


if __name__ == "__main__":
    main()
