"""Data beside DVC and Oxen, in turns: add, status, one large file, an edit, push to S3, memory.

Writes the section "Data" of bench/RESULTS.md. The first call installs the peers into build/peers.
All three are whole processes, start included. Oxen's package brings no command line, so its process
is a Python that imports it and calls one method.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import peers
from results import write_section

TRUEUP = str(Path(sys.executable).with_name("trueup"))
SIZE = 4096
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {
    "DVC_NO_ANALYTICS": "1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "us-east-1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}
OXEN = """
import sys, oxen
verb, place = sys.argv[1:3]
repo = oxen.Repo(place)
if verb == "init":
    repo.init()
elif verb == "add":
    repo.add(sys.argv[3])
elif verb == "status":
    str(repo.status())
"""


class Tool:
    """One tool in a folder of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.place = folder / name
        self.place.mkdir(parents=True)
        run(["git", "init", "--quiet"], self.place)
        if name == "Trueup":
            plan = '[project]\nname = "bench"\nobjective = "Measure"\n'
            (self.place / "trueup.toml").write_text(plan)
            run([TRUEUP, "plan", "adopt"], self.place)
        elif name == "DVC":
            run([peers.dvc(), "init", "--quiet"], self.place)
        else:
            self._oxen("init")

    def add(self, what: str) -> float:
        """Seconds of keeping a file or folder."""
        if self.name == "Oxen":
            return self._oxen("add", what)
        verbs = (
            [TRUEUP, "data", "add", what] if self.name == "Trueup" else [peers.dvc(), "add", what]
        )
        return run(verbs, self.place)

    def status(self) -> float:
        """Seconds of finding that nothing has changed."""
        if self.name == "Oxen":
            return self._oxen("status")
        verbs = [TRUEUP, "data", "status"] if self.name == "Trueup" else [peers.dvc(), "status"]
        return run(verbs, self.place)

    def checkout(self) -> float:
        """Seconds of writing the many files into a work tree that lost them."""
        shutil.rmtree(self.place / "many")
        os.sync()
        if self.name == "Trueup":
            return run([TRUEUP, "data", "checkout", "many@1"], self.place)
        return run([peers.dvc(), "checkout", "many.dvc"], self.place)

    def push(self, url: str, endpoint: str) -> float:
        """Seconds of pushing the many files to an S3 server."""
        if self.name == "Trueup":
            with (self.place / "trueup.toml").open("a") as file:
                file.write(f'\n[remotes.lab]\nurl = "{url}/trueup"\n')
            return self.push_again(endpoint)
        run([peers.dvc(), "remote", "add", "-d", "lab", f"{url}/dvc"], self.place)
        run([peers.dvc(), "remote", "modify", "lab", "endpointurl", endpoint], self.place)
        return self.push_again(endpoint)

    def push_again(self, endpoint: str) -> float:
        """Seconds of pushing nothing new."""
        is_ours = self.name == "Trueup"
        verbs = [TRUEUP, "data", "push", "many"] if is_ours else [peers.dvc(), "push", "many.dvc"]
        return run(verbs, self.place, AWS_ENDPOINT_URL=endpoint)

    def _oxen(self, *arguments: str) -> float:
        command = [peers.python(), "-c", OXEN, arguments[0], str(self.place), *arguments[1:]]
        return run(command, self.place)


def run(command: list[str], place: Path, **more: str) -> float:
    """Seconds of one process."""
    return weigh(command, place, **more)[0]


def weigh(command: list[str], place: Path, **more: str) -> tuple[float, float]:
    """Seconds of one process, and its peak memory in MiB."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, cwd=place, stdout=said, stderr=said, env=ENVIRONMENT | more
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)}:\n{said.read().decode()}")
    return seconds, usage.ru_maxrss / 1024


def many(place: Path, files: int) -> None:
    """Files of 4 KiB of noise, in 20 folders."""
    for folder in range(20):
        (place / "many" / f"{folder:02}").mkdir(parents=True)
    for number in range(files):
        path = place / "many" / f"{number % 20:02}" / f"{number:05}.bin"
        path.write_bytes(os.urandom(SIZE))


def large(place: Path, mebibytes: int) -> None:
    """One file of noise."""
    with (place / "large.bin").open("wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(1 << 20))


def edit(place: Path) -> None:
    """Change one per cent of it, in one place."""
    with (place / "large.bin").open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size // 3)
        file.write(os.urandom(size // 100))


def measure(
    rounds: int, files: int, mebibytes: int, until: float
) -> dict[str, dict[str, list[float]]]:
    """Seconds of each work, by tool, round by round, as long as another round ends in time."""
    found: dict[str, dict[str, list[float]]] = {}

    def note(work: str, tool: Tool, call: Callable[..., float], *given: str) -> None:
        seconds = call(*given)
        print(f"{tool.name}: {work}: {seconds:.2f} s", file=sys.stderr)
        found.setdefault(work, {}).setdefault(tool.name, []).append(seconds)

    longest = 0.0
    for number in range(rounds):
        began = time.monotonic()
        if number and began + longest > until:
            break
        base = Path(tempfile.mkdtemp(prefix="trueup-bench-"))
        try:
            tools = [Tool(name, base) for name in ("Trueup", "DVC", "Oxen")]
            many(base, files)
            large(base, mebibytes)
            for tool in tools:
                shutil.copytree(base / "many", tool.place / "many")
                shutil.copyfile(base / "large.bin", tool.place / "large.bin")
            os.sync()
            for tool in tools:
                note(f"add {files:,} files of 4 KiB", tool, tool.add, "many")
                os.sync()
            for tool in tools:
                note("status, nothing changed", tool, tool.status)
            for tool in tools:
                note(f"add {mebibytes:,} MiB", tool, tool.add, "large.bin")
                os.sync()
            for tool in tools:
                edit(tool.place)
                os.sync()
                note("add it again, 1 % edited", tool, tool.add, "large.bin")
            for tool in tools[:2]:
                note("check the many files out", tool, tool.checkout)
            longest = time.monotonic() - began
            if number == 0:  # DVC takes minutes for it
                push(tools[:2], note)
        finally:
            shutil.rmtree(base)
    return found


def push(tools: list[Tool], note: Callable[..., None]) -> None:
    """Push the many files to a new S3 server of each tool's own."""
    for tool in tools:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            endpoint = f"http://127.0.0.1:{port}"
            made = (
                "import time, urllib.request as u\n"
                "for _ in range(100):\n"
                "    try:\n"
                f"        u.urlopen(u.Request('{endpoint}/bench', method='PUT')); break\n"
                "    except OSError: time.sleep(0.1)\n"
            )
            run([sys.executable, "-c", made], tool.place)
            note("push the many files to an S3 server", tool, tool.push, "s3://bench", endpoint)
            note("push again, nothing new", tool, tool.push_again, endpoint)
        finally:
            server.terminate()
            server.wait()


def memory(count: int) -> dict[str, tuple[float, float]]:
    """Seconds and peak memory (MiB) of each work on very many small files."""
    base = Path(tempfile.mkdtemp(prefix="trueup-bench-"))
    try:
        tool = Tool("Trueup", base)
        for folder in range(1000):
            place = tool.place / "many" / f"{folder:03}"
            place.mkdir(parents=True)
            for number in range(count // 1000):
                (place / f"{number:04}").write_bytes(f"{folder}/{number}".encode())
        (base / "remote").mkdir()
        with (tool.place / "trueup.toml").open("a") as file:
            file.write(f'\n[remotes.disk]\nurl = "file://{base}/remote"\n')
        verbs = {
            "add": ["add", "many"],
            "status": ["status", "many"],
            "checkout, all right already": ["checkout", "many@1"],
            "push to a folder": ["push", "many"],
            "push again": ["push", "many"],
        }
        return {work: weigh([TRUEUP, "data", *verb], tool.place) for work, verb in verbs.items()}
    finally:
        shutil.rmtree(base)


def main() -> int:
    """Measure, print and write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--files", type=int, default=1_000_000, help="files of the memory test")
    options.add_argument("--many", type=int, default=20_000, help="small files beside the peers")
    options.add_argument("--mebibytes", type=int, default=1024, help="size of the large file")
    options.add_argument(
        "--minutes", type=float, default=9.0, help="fewer rounds if these are over"
    )
    chosen = options.parse_args()
    peers.python()
    until = time.monotonic() + chosen.minutes * 60
    weighed = memory(chosen.files)
    found = measure(chosen.rounds, chosen.many, chosen.mebibytes, until)
    rounds = max(len(each["Trueup"]) for each in found.values())
    lines = [
        f"Seconds, median of {rounds} rounds in turns, pushes once; files are warm in memory. All "
        "are whole processes, start included; Oxen's is a Python that imports it and calls one "
        "method. Trueup's times include syncing to disk.",
        "",
        "| Work | Trueup | DVC | Oxen | DVC : Trueup |",
        "|---|---|---|---|---|",
    ]
    for work, times in found.items():
        medians = {name: statistics.median(values) for name, values in times.items()}
        oxen = f"{medians['Oxen']:.2f}" if "Oxen" in medians else ""
        ratio = medians["DVC"] / medians["Trueup"]
        lines.append(
            f"| {work} | {medians['Trueup']:.2f} | {medians['DVC']:.2f} | {oxen} | {ratio:.1f} |"
        )
    lines += [
        "",
        f"Trueup alone with {chosen.files:,} files of a few bytes, once each:",
        "",
        "| Work | Seconds | Peak memory, MiB |",
        "|---|---|---|",
        *(f"| {work} | {s:.1f} | {peak:.0f} |" for work, (s, peak) in weighed.items()),
    ]
    write_section("Data", lines)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
