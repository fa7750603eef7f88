"""One finished journey of an installed `trueup demo`, shared by all tests, and ways to read it.

What reads the evidence here imports nothing of ours: files, SQLite, msgpack.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import zstandard

from trueup.doors.cli.main import run

from .installing import build, install

SOURCES = Path(__file__).parents[2] / "src"
SHARE = ("--traffic", "0.02", "--months", "1")
# Nothing may leave this machine: a request that goes to a proxy meets a closed port.
NO_NETWORK = dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
    "http://127.0.0.1:9",
)
Row = dict[str, Any]


class Journey(NamedTuple):
    """A demo's folder, and independent readers of what it holds."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / ".trueup"

    @property
    def summary(self) -> Row:
        """What `--json` printed."""
        found: Row = json.loads((self.folder.parent / "summary.json").read_text())
        return found

    def rows(self, query: str, *values: object) -> list[Row]:
        """Rows of the database, by plain SQL."""
        with closing(sqlite3.connect(self.home / "trueup.db")) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]

    def row(self, query: str, *values: object) -> Row:
        """The only row."""
        (found,) = self.rows(query, *values)
        return found

    def count(self, table: str) -> int:
        """How many rows a table has; none before it is made."""
        try:
            return int(self.row(f"SELECT count(*) AS n FROM {table}")["n"])
        except sqlite3.Error:
            return 0

    def blob(self, digest: str) -> bytes:
        """The stored bytes of a digest."""
        name = digest.removeprefix("b3:")
        whole = self.home / "blobs" / name[:2] / name[2:]
        return whole.read_bytes() if whole.exists() else self._packed(bytes.fromhex(name))

    def _packed(self, key: bytes) -> bytes:
        """A small blob: the footer of its pack says where it lies, and whether it is a frame."""
        for pack in sorted((self.home / "blobs").rglob("*.pack")):
            raw = pack.read_bytes()
            offset, count = struct.unpack("<QI", raw[-32:-20])
            for found, at, stored, size in struct.iter_unpack(
                "<32sQII", raw[offset : offset + 48 * count]
            ):
                if found == key:
                    part = raw[at : at + stored]
                    return part if stored == size else zstandard.decompress(part)
        raise FileNotFoundError(key.hex())

    def journal(self, kind: str) -> list[Row]:
        """All records of a kind: frames of u32 length, u32 CRC-32, msgpack."""
        found: list[Row] = []
        for segment in sorted((self.home / "journal").glob("*.*")):
            raw = segment.read_bytes()
            start = 0
            while start < len(raw):
                length, crc = struct.unpack_from("<II", raw, start)
                payload = raw[start + 8 : start + 8 + length]
                assert zlib.crc32(payload) == crc, f"{segment.name} is damaged at {start}"
                found += [r for r in msgspec.msgpack.decode(payload) if r["kind"] == kind]
                start += 8 + length
        return found

    def books(self) -> list[tuple[str, str, int, float]]:
        """What the caller wrote down: key, request, rows, milliseconds."""
        lines = (self.home / "acknowledged.jsonl").read_bytes().splitlines()
        return [tuple(json.loads(line)) for line in lines]

    def labels(self) -> dict[str, float]:
        """Prediction id to its label."""
        return {
            name: value
            for record in self.journal("labels")
            for name, value in zip(record["predictions"], record["labels"], strict=True)
        }


def environment() -> dict[str, str]:
    """For a process that knows nothing of this checkout."""
    ours = ("PYTHON", "TRUEUP_", "VIRTUAL_ENV")
    return {
        key: value for key, value in os.environ.items() if not key.startswith(ours)
    } | NO_NETWORK


def command(folder: Path, *options: str) -> list[str]:
    """The command line of a demo."""
    return [sys.executable, "-m", "trueup", "demo", str(folder), *options]


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # one for all workers
    place = base / "journey"
    place.mkdir(exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "summary.json").exists():
            python = install(build(place / "dist"), place / "env")
            done = subprocess.run(
                [python.with_name("trueup"), "demo", "demo", *SHARE, "--json"],
                cwd=place,
                env=environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            (place / "words.txt").write_text(done.stderr)
            (place / "summary.json").write_text(done.stdout)
    return place


@pytest.fixture(scope="session")
def journey(_finished: Path) -> Journey:
    """The finished journey; look, do not touch."""
    return Journey(_finished / "demo")


@pytest.fixture
def own_journey(_finished: Path, tmp_path: Path) -> Journey:
    """A copy of the finished journey that a test may change."""
    own = tmp_path / "own"
    shutil.copytree(_finished, own, symlinks=True, ignore=shutil.ignore_patterns("env", "dist"))
    return Journey(own / "demo")


@pytest.fixture(scope="session")
def wheel(_finished: Path) -> Path:
    """The wheel that the journey was made with."""
    (built,) = (_finished / "dist").glob("*.whl")
    return built


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def trueup(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """The command line, called in this process."""

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return call


class Process:
    """A demo in a process of its own, with a process group of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.journey = Journey(folder)
        self.runs_before = self.journey.count("runs")
        self._words = folder.parent / f"{time.monotonic_ns()}.words"
        with self._words.open("wb") as words:
            self.popen = subprocess.Popen(
                command(folder, *options),
                env=environment() | {"PYTHONPATH": str(SOURCES)},
                stdout=subprocess.DEVNULL,
                stderr=words,
                start_new_session=True,
            )

    def kill(self) -> None:
        """As by the power cut: no process of its group has time for anything."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    @property
    def words(self) -> str:
        """What it said so far."""
        return self._words.read_text()

    def events(self) -> int:
        """How many events it has committed."""
        return self.journey.count("events")

    def answers(self) -> int:
        """How many requests were answered."""
        books = self.journey.home / "acknowledged.jsonl"
        return books.read_bytes().count(b"\n") if books.exists() else 0

    def server(self) -> int | None:
        """The process number of its prediction server, if that runs."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.popen.pid and fields[0] != "Z":
                    words = (stat.parent / "cmdline").read_bytes().split(b"\0")
                    if b"serve" in words:
                        return int(stat.parent.name)
            except OSError:  # it ended while we looked
                continue
        return None
