"""Every engine passes the suite that Trueup ships; one that isolates proves that as well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trueup.backends.engines._frames import Unpacker, packed
from trueup.backends.engines._log import BoundedLog
from trueup.foundation.errors import BackendError
from trueup.ports import loading
from trueup.ports.engine import Attempt, Engine, Program
from trueup.testing import engines

ISOLATING = [n for n in loading.names("engines") if loading.load("engines", n).isolates]


def engine(name: str) -> Engine:
    made: Engine = loading.load("engines", name)(f"{name}://")
    return made


@pytest.mark.parametrize("prove", engines.PROOFS, ids=lambda prove: prove.__name__)
@pytest.mark.parametrize("name", loading.names("engines"))
def test_it_is_an_engine(name: str, prove: Callable[[Engine, Path], None], tmp_path: Path) -> None:
    prove(engine(name), tmp_path)


@pytest.mark.parametrize("prove", engines.PROOFS_OF_ISOLATION, ids=lambda prove: prove.__name__)
@pytest.mark.parametrize("name", ISOLATING)
@pytest.mark.slow
def test_nothing_an_attempt_does_harms_others(
    name: str, prove: Callable[[Engine, Path], None], tmp_path: Path
) -> None:
    prove(engine(name), tmp_path)


def test_only_the_engine_without_processes_does_not_isolate() -> None:
    assert set(loading.names("engines")) - set(ISOLATING) == {"inprocess"}


THREADS = """
    import threading, time
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

    def prepare(setup):
        return lambda argument, log: {"number": argument["number"] + 1}
"""

KILLED = """
    import sys
    from pathlib import Path
    from trueup.ports import loading
    from trueup.ports.engine import Attempt, Program

    folder = Path(sys.argv[1])
    engine = loading.load("engines", "processes")("processes://")
    engine.open(Program(entry="trueup.testing.engines:prepare", setup={}, log=folder / "e.log"))
    argument = {"do": "hang", "pids": str(folder / "pids")}
    engine.submit(Attempt(id="1", argument=argument, log=folder / "1.log"))
    while True:
        engine.wait(600)
"""


@pytest.mark.slow
def test_threads_that_a_fork_would_lose_mean_a_fresh_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "with_threads.py").write_text("\n".join(line[4:] for line in THREADS.splitlines()))
    monkeypatch.syspath_prepend(tmp_path)
    processes = engine("processes")
    processes.open(Program(entry="with_threads:prepare", setup={}, log=tmp_path / "engine.log"))
    processes.submit(Attempt(id="1", argument={"number": 1}, log=tmp_path / "1.log"))
    [outcome] = processes.wait(30) or processes.wait(30)
    processes.close()
    assert outcome.result == {"number": 2}
    assert "so each step starts a fresh interpreter" in processes.notice


@pytest.mark.slow
def test_kill_9_of_the_scheduler_leaves_no_process(tmp_path: Path) -> None:
    script = tmp_path / "scheduler.py"
    script.write_text("\n".join(line[4:] for line in KILLED.splitlines()))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    scheduler = subprocess.Popen([sys.executable, str(script), str(tmp_path)], env=environment)
    pids = tmp_path / "pids"
    until = time.monotonic() + 30
    while not (pids.exists() and len(pids.read_text().split()) == 3):
        assert time.monotonic() < until
        time.sleep(0.01)
    scheduler.send_signal(signal.SIGKILL)
    scheduler.wait()
    left = [int(pid) for pid in pids.read_text().split()]
    while left and time.monotonic() < until:
        left = [pid for pid in left if engines._lives(pid)]
        time.sleep(0.01)
    assert not left


def test_a_server_that_died_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    processes = engine("processes")
    entry = "trueup.testing.engines:prepare"
    processes.open(Program(entry=entry, setup={}, log=tmp_path / "engine.log"))
    processes.submit(Attempt(id="1", argument={"do": "hang"}, log=tmp_path / "1.log"))
    processes._server.process.kill()
    with pytest.raises(BackendError, match="has died") as caught:
        processes.wait(30)
    processes.close()
    assert caught.value.hint.startswith("run the pipeline again")


def carried_out(folder: Path, *, close: bool = True) -> tuple[int, str]:
    """One attempt in a run of its own: the process that started it, and a variable it saw."""
    processes = engine("processes")
    entry = "trueup.testing.engines:prepare"
    processes.open(Program(entry=entry, setup={}, log=folder / "engine.log"))
    processes.submit(Attempt(id="1", argument={"do": "return"}, log=folder / "1.log"))
    [outcome] = processes.wait(30) or processes.wait(30)
    server = processes._server.process.pid
    if not close:  # somebody stops the run while it works
        processes.submit(Attempt(id="2", argument={"do": "return"}, log=folder / "2.log"))
    processes.close()
    return server, outcome.result["setting"]


def test_the_next_run_finds_a_process_that_has_imported_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = carried_out(tmp_path)
    monkeypatch.setenv("PROOF", "of the second run")
    second, setting = carried_out(tmp_path, close=False)
    third, _ = carried_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    fourth, _ = carried_out(tmp_path)

    assert (second, setting) == (first, "of the second run")
    assert third != second, "one that was stopped is not used again"
    assert fourth != third, "one that stands elsewhere is not used"


def test_messages_come_out_whole_however_they_were_cut() -> None:
    messages = [{"a": 1}, ["x" * 1000], "", {"b": None}]
    raw = b"".join(map(packed, messages))
    for size in (1, 3, 7, 1000, len(raw)):
        unpacker = Unpacker()
        pieces = [raw[start : start + size] for start in range(0, len(raw), size)]
        assert [m for piece in pieces for m in unpacker.feed(piece)] == messages


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_a_secret_is_hidden_however_the_output_was_cut(tmp_path: Path, size: int) -> None:
    log = BoundedLog(tmp_path / "log")
    log.hide(["abab", "abc"])
    raw = b"xababy abc ab ababc aba"
    for start in range(0, len(raw), size):
        log.write(raw[start : start + size])
    log.close()
    assert (tmp_path / "log").read_bytes() == b"x***y *** ab ***c aba"


def test_a_bounded_log_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "log", most=10, tail=5)
    for letter in b"abcdefghijklmnopqrstuvwxyz":
        log.write(bytes([letter]))
    log.close()
    text = (tmp_path / "log").read_text()
    assert text == "abcdefghij\n[trueup: 11 bytes are left out here]\nvwxyz"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
