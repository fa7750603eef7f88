"""What HTTP costs: Trueup's own listener, uvicorn and Granian, journal on and off, in one run.

    python bench/fronts.py [seconds per measurement, rounds]

A trivial model answers, so the table shows the cost of HTTP, the protocol and the journal alone.
Writes the section "What speaks HTTP" of bench/RESULTS.md.
The client runs in its own process on the same machine and takes its share of the cores.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from results import write_section

HTTP = ("trueup", "uvicorn", "granian")

REQUEST = {
    "inputs": [
        {"name": f"column_{i}", "shape": [1], "datatype": "FP64", "data": [i + 0.5]}
        for i in range(8)
    ]
}


def serve(folder: str, journaled: bool, http: str) -> None:
    """The server process: one deployment `bench` with a model that averages its row."""
    import numpy as np
    import polars as pl

    from trueup.lifecycle.models.records import Column, Signature
    from trueup.lifecycle.releases.records import Arm, Route
    from trueup.lifecycle.serving.inference.source import LoadedModel
    from trueup.lifecycle.serving.journal.writer import Journal, Place
    from trueup.lifecycle.serving.server.application import Application
    from trueup.lifecycle.serving.server.fronts import Granian, Own, Uvicorn
    from trueup.lifecycle.serving.server.process import Stopping
    from trueup.lifecycle.serving.server.process import serve as run
    from trueup.lifecycle.serving.server.routing import NOBODY

    class Unjournaled(Journal):
        def append(self, records: Any) -> asyncio.Future[Place]:
            future = asyncio.get_running_loop().create_future()
            future.set_result(Place("", 0))
            return future

    def load(model_ref: str, release: int) -> LoadedModel:
        columns = [c["name"] for c in REQUEST["inputs"]]
        signature = Signature(inputs=tuple(Column(name=n, kind="number") for n in columns))

        def mean(rows: pl.DataFrame) -> Any:
            return np.array(rows.rows()).mean(axis=1)

        return LoadedModel(model_ref, release, signature, mean)

    journal = (Journal if journaled else Unjournaled)(Path(folder))
    application = Application(journal, authorize=lambda *_: NOBODY)
    arm = Arm(release=1, model_ref="mean@1", weight=1.0)
    application.serve(Route(deployment="bench", arms=(arm,), salt="s"), load)
    run(
        application,
        lambda: {"trueup": Own, "uvicorn": Uvicorn, "granian": Granian}[http](application),
        stopping=Stopping(when_stdin_closes=True),
    )


class Client(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, until: float, latencies: list[float]) -> None:
        self.request = request
        self.until = until
        self.latencies = latencies
        self.buffer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.asked = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if not separator or len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(self.buffer.decode())
        self.buffer = b""
        now = time.perf_counter()
        self.latencies.append(now - self.asked)
        if now < self.until:
            self.ask()
        else:
            self.transport.close()
            self.done.set_result(None)


async def load(port: int, clients: int, seconds: float) -> list[float]:
    body = json.dumps(REQUEST).encode()
    head = (
        "POST /v2/models/bench/infer HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(
            lambda: Client(head.encode() + body, until, latencies), "127.0.0.1", port
        )
        for _ in range(clients)
    ]
    await asyncio.gather(*(client.done for _, client in made))
    return latencies


class Figures(NamedTuple):
    """What one measurement found."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of the server, for each request: tells more than the rate on a busy machine


def measure(http: str, journaled: bool, clients: int, seconds: float) -> Figures:
    import uvloop

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        command = [sys.executable, __file__, "--serve", folder, str(int(journaled)), http]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdin and server.stdout
            port = int(json.loads(server.stdout.readline())["listening"].rpartition(":")[2])
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(load(port, clients, 0.5))
                before = cpu_seconds(server.pid)
                found = sorted(runner.run(load(port, clients, seconds)))
                spent = cpu_seconds(server.pid) - before
            server.stdin.close()
            server.wait()
    return Figures(
        rate=len(found) / seconds,
        p50_ms=found[len(found) // 2] * 1e3,
        p99_ms=found[int(len(found) * 0.99)] * 1e3,
        cpu_us=spent / len(found) * 1e6,
    )


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(seconds: float, rounds: int) -> None:
    found: dict[tuple[str, int, bool], list[Figures]] = {}
    for _ in range(rounds):  # in alternation: the machine is not equally quiet all the time
        for clients in (1, 32):
            for journaled in (False, True):
                for http in HTTP:
                    figures = measure(http, journaled, clients, seconds)
                    found.setdefault((http, clients, journaled), []).append(figures)
                    print(http, clients, journaled, figures, flush=True)
    lines = [
        "A model that averages eight numbers, so that HTTP, the protocol and the journal are what",
        f"is measured; medians of {rounds} rounds of {seconds:g} s in alternation.",
        "",
        "| HTTP | clients | journal | req/s | p50 ms | p99 ms | CPU µs a request |",
        "|---|---|---|---|---|---|---|",
    ]
    for (http, clients, journaled), several in found.items():
        rate, p50, p99, cpu = (median(each) for each in zip(*several, strict=True))
        lines.append(
            f"| {http} | {clients} | {'on' if journaled else 'off'} "
            f"| {rate:.0f} | {p50:.2f} | {p99:.2f} | {cpu:.0f} |"
        )
    write_section("What speaks HTTP", lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3] == "1", sys.argv[4])
    else:
        numbers = [*map(float, sys.argv[1:]), 3.0, 5.0][:2] if len(sys.argv) > 2 else [3.0, 5.0]
        main(numbers[0], int(numbers[1]))
