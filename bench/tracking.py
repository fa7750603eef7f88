"""Tracking beside MLflow 3.17: MLflow's own client on both servers, in turns, both on SQLite.

Writes the section "Tracking" of bench/RESULTS.md. `--quick` takes small sizes and does not write.
The first call installs MLflow into build/mlflow.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import peers
import seed
from results import write_section

CLIENT = str(Path(__file__).with_name("tracking_client.py"))
TRUEUP = str(Path(sys.executable).with_name("trueup"))
NOISY = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
}
PEER = {name: value for name, value in os.environ.items() if name not in NOISY} | QUIET


class Server:
    """A server of one kind in a folder of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder / name.lower()
        self.folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Seconds until it answers."""
        if self.name == "Trueup":
            (self.folder / "trueup.toml").write_text(seed.PLAN)
            command = [TRUEUP, "up", "--port", str(self.port)]
            environment = {k: v for k, v in os.environ.items() if k != NOISY[1]}
        else:
            command = [peers.mlflow(), "-m", "mlflow", "server", "--port", str(self.port)]
            command += ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
            # On a busy machine its workers need longer to start than they are given.
            command += ["--uvicorn-opts", "--timeout-worker-healthcheck 120"]
            environment = PEER
        log = (self.folder / "server.log").open("wb")
        began = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        while not self._answers():
            if self.process.poll() is not None or time.perf_counter() - began > 400:
                raise SystemExit((self.folder / "server.log").read_text())
            time.sleep(0.02)
        return time.perf_counter() - began

    def stop(self) -> None:
        """End it with all of its processes."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, 9)  # helpers that outlived it
            self.process = None

    def memory(self) -> float:
        """MiB of all its processes."""
        assert self.process is not None
        return sum(resident(pid) for pid in family(self.process.pid)) / 1024

    def processor(self) -> float:
        """Seconds of processor that all its processes took so far."""
        assert self.process is not None
        return sum(used(pid) for pid in family(self.process.pid))

    def ask(self, work: str, size: int) -> dict[str, Any]:
        """One work of the client, and what the server spent on it."""
        before = self.processor()
        found = json.loads(ended(asked(self, work, size)))
        return found | {"server_cpu": self.processor() - before}

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def asked(server: Server, work: str, size: int) -> subprocess.Popen[str]:
    """A client at work."""
    command = [peers.mlflow(), CLIENT, server.address, work, str(size)]
    return subprocess.Popen(
        command,
        cwd=server.folder,
        env=PEER,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[str]) -> str:
    """The last line that a client printed."""
    said, wrong = process.communicate()
    if process.returncode:
        raise SystemExit(wrong)
    return said.strip().splitlines()[-1]


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for each in found:
        try:
            tasks = Path(f"/proc/{each}/task").iterdir()
            found += [
                int(child) for task in tasks for child in (task / "children").read_text().split()
            ]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def resident(pid: int) -> int:
    """KiB that a process alone has in memory; what is shared counts in parts."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def used(pid: int) -> float:
    """Seconds of processor."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Sizes:
    """How much of each work; small ones to try it."""

    def __init__(self, *, quick: bool) -> None:
        self.rounds = 1 if quick else 3
        self.metrics = 100 if quick else 500
        self.runs = 20 if quick else 100
        self.batches = 5 if quick else 20
        self.points = 5_000 if quick else 50_000
        self.found = 1_000 if quick else 10_000
        self.models = 1 if quick else 5
        self.seconds = 5 if quick else 60
        self.writers = 4 if quick else 16
        self.large = 0.02 if quick else 1.0
        self.soak = 10 if quick else 600


def compare(sizes: Sizes, folder: Path) -> dict[str, dict[str, list[float]]]:
    """Each work on both servers, in turns."""
    found: dict[str, dict[str, list[float]]] = {}

    def note(work: str, server: Server, value: float) -> None:
        print(f"{server.name}: {work}: {value:,.2f}", file=sys.stderr)
        found.setdefault(work, {}).setdefault(server.name, []).append(value)

    shape = seed.Shape(experiments=1, runs=sizes.found, params=20, tags=5, wide=0)
    servers = [Server(name, folder) for name in ("Trueup", "MLflow")]
    first, second = servers
    try:
        for server in servers:
            note("start on an empty folder, s", server, server.start())
            time.sleep(3)
            note("memory when idle, MiB", server, server.memory())
            server.stop()
        seed.fill(first.folder, shape, quiet=True)
        seed.fill_mlflow(second.folder / "mlflow.db", shape)
        for server in servers:
            note("start again, s", server, server.start())
        for _ in range(sizes.rounds):
            for work, name, size, unit in (
                ("log_metric", "log_metric, calls/s", sizes.metrics, "rate"),
                ("whole_run", "create run, log_batch, end, runs/s", sizes.runs, "rate"),
                ("log_batch", "log_batch(1000), calls/s", sizes.batches, "rate"),
                ("search", f"top 100 of {sizes.found:,} runs by a metric, ms", 1, "ms"),
                ("history", f"history of {sizes.points:,} points, ms", sizes.points, "ms"),
                ("model", "log_model and load_model, ms", sizes.models, "ms"),
            ):
                for server in servers:
                    answer = server.ask(work, size)
                    note(name, server, answer[unit])
                    print(f"   server's processor: {answer['server_cpu']:.2f} s", file=sys.stderr)
        for server in servers:
            total = writers(server, sizes)
            note(f"{sizes.writers} writers, points/s", server, total["sent"] / sizes.seconds)
            note(f"{sizes.writers} writers, errors", server, total["errors"])
            note(f"{sizes.writers} writers, lost points", server, total["lost"])
        note("memory after all, MiB", first, first.memory())
        note("memory after all, MiB", second, second.memory())
    finally:
        for server in servers:
            server.stop()
    return found


def writers(server: Server, sizes: Sizes) -> dict[str, int]:
    """Several processes that log at once; what they sent, and what is missing."""
    clients = [asked(server, "write", sizes.seconds) for _ in range(sizes.writers)]
    answers = [json.loads(ended(client)) for client in clients]
    return {key: sum(answer[key] for answer in answers) for key in answers[0]}


def depth(sizes: Sizes, folder: Path) -> list[str]:
    """Search over many runs, page by page to the last one; then memory under a steady load."""
    shape = seed.Shape()._replace(runs=max(10, round(1500 * sizes.large)))
    server = Server("Trueup", folder / "large")
    counts = seed.fill(server.folder, shape, quiet=True)
    experiments = [str(number) for number in range(1, shape.experiments + 1)]
    rows = []
    try:
        server.start()
        for name, more in (
            ("newest first", {}),
            ("by a metric", {"order_by": ["metrics.loss ASC"]}),
            (
                "by a metric, filtered",
                {"order_by": ["metrics.loss"], "filter": "params.p001 LIKE '0.5%'"},
            ),
        ):
            asked_for = {"experiment_ids": experiments, "max_results": 100, **more}
            took = pages(server.address, asked_for, 750)
            if not took:
                continue
            ordered = sorted(took)
            ends = max(1, len(took) // 10)
            rows.append(
                f"| {name} | {len(took):,} | {statistics.median(took):.0f} "
                f"| {ordered[int(0.95 * (len(took) - 1))]:.0f} "
                f"| {statistics.median(took[:ends]):.0f} | {statistics.median(took[-ends:]):.0f} |"
            )
            print(rows[-1], file=sys.stderr)
        memory = soak(server, sizes.soak)
    finally:
        server.stop()
    return [
        f"Trueup alone with {counts['runs']:,} runs, {counts['params']:,} parameters and "
        f"{counts['points']:,} points, pages of 100 runs over HTTP, milliseconds:",
        "",
        "| Search | pages | median | p95 | first tenth | last tenth |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        f"Memory of the server under {sizes.soak:,} s of steady writing and reading, each tenth, "
        f"MiB: {', '.join(f'{value:.0f}' for value in memory)}.",
    ]


def pages(address: str, asked_for: dict[str, Any], most: int) -> list[float]:
    """Milliseconds of each page, from the first to the last."""
    took: list[float] = []
    token = ""
    while len(took) < most:
        body = json.dumps(asked_for | ({"page_token": token} if token else {})).encode()
        request = urllib.request.Request(
            f"{address}/api/2.0/mlflow/runs/search",
            data=body,
            headers={"Content-Type": "application/json"},
        )
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=120) as answer:
            raw = answer.read()
        took.append((time.perf_counter() - began) * 1000)
        token = json.loads(raw).get("next_page_token", "")
        if not token:
            break
    return took


def soak(server: Server, seconds: int) -> list[float]:
    """MiB of the server at each tenth of the time, while four clients write."""
    clients = [asked(server, "write", seconds) for _ in range(4)]
    found = []
    for _ in range(10):
        time.sleep(seconds / 10)
        found.append(server.memory())
    for client in clients:
        ended(client)
    return found


def table(found: dict[str, dict[str, list[float]]]) -> list[str]:
    """Medians side by side, and how many times ours is ahead."""
    lines = ["| Work | Trueup | MLflow 3.17 | ahead |", "|---|---|---|---|"]
    for work, by in found.items():
        ours, theirs = (statistics.median(by[name]) for name in ("Trueup", "MLflow"))
        more_is_better = work.endswith("/s")
        low, high = (theirs, ours) if more_is_better else (ours, theirs)
        ahead = f"{high / low:.1f} x" if low else ""
        lines.append(f"| {work} | {ours:,.1f} | {theirs:,.1f} | {ahead} |")
    return lines


def main() -> int:
    """Measure, print and write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="small sizes; writes nothing")
    options.add_argument("--seconds", type=int, help="how long the writers write")
    options.add_argument("--soak", type=int, help="how long memory is watched")
    options.add_argument("--large", type=float, help="fraction of the 75,000 runs")
    options.add_argument("--only", choices=["compare", "depth"], help="one half")
    chosen = options.parse_args()
    sizes = Sizes(quick=chosen.quick)
    for name in ("seconds", "soak", "large"):
        if getattr(chosen, name) is not None:
            setattr(sizes, name, getattr(chosen, name))
    peers.mlflow()
    signal.signal(signal.SIGTERM, lambda *_given: sys.exit(143))  # servers end with this process
    lines = [
        f"MLflow's own client 3.17 on both servers, both on SQLite; median of {sizes.rounds} "
        "rounds in turns.",
        "",
    ]
    # Not /tmp, which may be memory: syncing shall mean something.
    base = Path(tempfile.mkdtemp(dir=Path.cwd(), prefix="bench-tracking-"))
    try:
        if chosen.only != "depth":
            lines += table(compare(sizes, base))
        if chosen.only != "compare":
            lines += ["", *depth(sizes, base)]
    finally:
        shutil.rmtree(base)
    print("\n".join(lines))
    if not chosen.quick and chosen.only is None:
        write_section("Tracking", lines)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
