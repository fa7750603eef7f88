"""Servers that `tracking.py` measures, ours and MLflow's, and MLflow's own client as a process."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peers
import seed

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
    """A server of one kind in a folder of its own.

    Args:
        name: `Trueup` or `MLflow`.
        base: Where its folder is made.
        folder: Its folder, if there is one already.
    """

    def __init__(self, name: str, base: Path, folder: Path | None = None) -> None:
        self.name = name
        self.folder = folder or base / name.lower()
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

    def ask(self, works: list[str]) -> Iterator[dict[str, Any]]:
        """What one client found at each of its works, and what the server spent on it."""
        client = asked(self, works)
        assert client.stdout is not None
        before = self.processor()
        for line in filter(is_figure, client.stdout):
            now = self.processor()
            yield json.loads(line) | {"server_cpu": now - before}
            before = now
        ended(self, client)

    def post(self, path: str, body: dict[str, Any]) -> tuple[float, bytes]:
        """Milliseconds until an answer was read, and the answer, by plain HTTP."""
        request = urllib.request.Request(
            f"{self.address}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=300) as answer:
            raw: bytes = answer.read()
        return (time.perf_counter() - began) * 1000, raw

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def asked(server: Server, works: list[str]) -> subprocess.Popen[str]:
    """A client that does these works, `name:size` each, and prints a line for each."""
    command = [peers.mlflow(), CLIENT, server.address, *works]
    with (server.folder / "client.log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=server.folder, env=PEER, text=True, stdout=subprocess.PIPE, stderr=log
        )


def ended(server: Server, client: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """What a client printed that was not read yet.

    Raises:
        SystemExit: It failed.
    """
    said, _ = client.communicate()
    if client.returncode:
        raise SystemExit((server.folder / "client.log").read_text())
    return [json.loads(line) for line in filter(is_figure, said.splitlines())]


def is_figure(line: str) -> bool:
    """Whether a line is the client's own, and not one that MLflow prints about a run."""
    return line.startswith("{")


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
