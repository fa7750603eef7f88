"""What every engine must do. Give each function an engine that was not opened, and a folder.

@pytest.mark.parametrize("prove", engines.PROOFS)
def test_it_carries_out_attempts(prove, tmp_path):
    prove(MyEngine("mine://"), tmp_path)
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trueup.foundation.errors import TrueupError, UsageError
from trueup.ports.engine import LOG_BYTES, Attempt, Engine, Log, Outcome, Perform, Program
from trueup.testing.expecting import expect

_PATIENCE = 30.0
_ENTRY = f"{__name__}:prepare"


def prepare(setup: dict[str, Any]) -> Perform:
    """The program of the proofs, which runs in the engine's workers."""
    if setup.get("refuse"):
        raise UsageError("pipeline-empty", "There is nothing to do.", hint="trueup run")
    return _perform


def _perform(argument: dict[str, Any], log: Log) -> Any:
    what = argument["do"]
    result: Any = {"got": argument, "setting": os.environ.get("PROOF", "")}
    if what == "print":
        sys.stdout.write("from Python\n")
        sys.stderr.write("from stderr\n")
    elif what == "print-in-c":
        ctypes.CDLL(None).puts(b"from C")
        os.write(2, b"to the number\n")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    elif what == "garbage":
        os.write(1, bytes(range(256)))
    elif what == "flood":
        for _ in range(argument["times"]):
            sys.stdout.write("x" * 1023 + "\n")
        sys.stdout.write("the last line\n")
    elif what == "whisper":
        log.hide(["open sesame", ""])
        sys.stdout.write("it is open ")
        sys.stdout.flush()
        sys.stdout.write("sesame!\n")
    elif what == "large":
        result = "y" * argument["size"]
    else:
        _misbehave(what, argument)
    return result


def _misbehave(what: str, argument: dict[str, Any]) -> None:
    if what == "raise":
        raise ArithmeticError("as asked")
    if what == "sys.exit":
        sys.exit(4)
    if what == "os._exit":
        os._exit(3)
    if what == "abort":
        os.abort()
    if what == "segfault":
        ctypes.string_at(0)
    if what == "eat":
        eaten = []
        for _ in range(400):
            eaten.append(b"z" * 10_000_000)
            time.sleep(0.002)
    if what == "hang":
        child = [sys.executable, "-c", "import time; time.sleep(600)"]
        started = [
            subprocess.Popen(child).pid,  # noqa: S603 (a command of our own)
            subprocess.Popen(child, start_new_session=True).pid,  # noqa: S603
        ]
        Path(argument["pids"]).write_text(" ".join(map(str, [os.getpid(), *started])))
        time.sleep(600)


def gives_back_what_was_returned(engine: Engine, folder: Path) -> None:
    """An argument goes in and a result comes out, both JSON, with what it took."""
    argument = {"do": "return", "text": "ä", "list": [1, None, 2.5]}
    outcome = _one(engine, folder, argument, environment={"PROOF": "seen"})
    expect(outcome.ending == "returned", f"it ended as {outcome.ending}: {outcome.exit}")
    expect(outcome.result == {"got": argument, "setting": "seen"}, "the result is another one")
    expect(outcome.seconds > 0, "it took no time")
    expect(bool(outcome.worker), "no worker is named")
    expect("PROOF" not in os.environ, "the variable stayed behind")


def gives_back_large_results(engine: Engine, folder: Path) -> None:
    """Results and arguments of some megabytes pass in both directions at once."""
    _open(engine, folder)
    for number in range(4):
        text = "z" * 3_000_000
        argument = {"do": "large", "size": 3_000_000, "text": text}
        engine.submit(Attempt(id=str(number), argument=argument, log=folder / "large.log"))
    for outcome in _all(engine, 4):
        expect(len(outcome.result or "") == 3_000_000, f"a result is damaged: {outcome.ending}")


def says_when_it_raised(engine: Engine, folder: Path) -> None:
    """What gets out of the function is a fault, a wish to exit is a crash; the engine goes on."""
    _open(engine, folder)
    for what in ("raise", "sys.exit", "return"):
        engine.submit(Attempt(id=what, argument={"do": what}, log=folder / f"{what}.log"))
    endings = {outcome.id: outcome.ending for outcome in _all(engine, 3)}
    wanted = {"raise": "broken", "sys.exit": "crashed", "return": "returned"}
    expect(endings == wanted, f"the endings were {endings}")


def logs_what_is_printed(engine: Engine, folder: Path) -> None:
    """Standard output and error are in the log; an attempt that prints nothing has none."""
    _one(engine, folder, {"do": "print"}, log=folder / "logs" / "said.log")
    _one(engine, folder, {"do": "return"}, log=folder / "logs" / "silent.log")
    said = (folder / "logs" / "said.log").read_text()
    expect("from Python\n" in said and "from stderr\n" in said, f"the log is {said!r}")
    expect(not (folder / "logs" / "silent.log").exists(), "silence made a file")


def bounds_the_log(engine: Engine, folder: Path) -> None:
    """Of a flood the beginning and the end are kept, and the log says that it was cut."""
    log = folder / "flood.log"
    _one(engine, folder, {"do": "flood", "times": LOG_BYTES // 1024 + 500}, log=log)
    raw = log.read_bytes()
    expect(len(raw) < LOG_BYTES * 1.05, f"the log has {len(raw):,} bytes")
    expect(b"bytes are left out" in raw, "the log does not say that it was cut")
    expect(raw.endswith(b"the last line\n"), "the end of the log is missing")


def hides_secrets(engine: Engine, folder: Path) -> None:
    """What is to be hidden never reaches the log, in one piece or in two."""
    log = folder / "whisper.log"
    _one(engine, folder, {"do": "whisper"}, log=log)
    expect(log.read_text() == "it is ***!\n", f"the log is {log.read_text()!r}")


def refuses_with_the_programs_error(engine: Engine, folder: Path) -> None:
    """An error of the entry function comes out of `wait` as it was."""
    engine.open(Program(entry=_ENTRY, setup={"refuse": True}, log=folder / "engine.log"))
    try:
        engine.submit(Attempt(id="1", argument={"do": "return"}, log=folder / "1.log"))
        for _ in range(100):
            engine.wait(0.1)
    except TrueupError as error:
        expect(error.code == "pipeline-empty", f"the error is {error.code}")
    else:
        raise AssertionError("the error of the entry function was lost")
    finally:
        engine.close()


def carries_out_many(engine: Engine, folder: Path) -> None:
    """A hundred quick attempts all come back, each with its own result."""
    _open(engine, folder)
    for number in range(100):
        argument = {"do": "return", "number": number}
        engine.submit(Attempt(id=str(number), argument=argument, log=folder / "many.log"))
    numbers = {outcome.id: outcome.result["got"]["number"] for outcome in _all(engine, 100)}
    expect(numbers == {str(n): n for n in range(100)}, "results went to the wrong attempts")


def cancels_what_waits_or_runs(engine: Engine, folder: Path) -> None:
    """A cancelled attempt says so."""
    _open(engine, folder)
    argument = {"do": "hang", "pids": str(folder / "pids")}
    engine.submit(Attempt(id="1", argument=argument, log=folder / "1.log"))
    engine.cancel("1")
    [outcome] = _all(engine, 1)
    expect(outcome.ending == "cancelled", f"it ended as {outcome.ending}")


def survives_every_crash(engine: Engine, folder: Path) -> None:
    """Exit, abort and segmentation fault end one attempt; the reason and the log are kept."""
    _open(engine, folder)
    reasons = {"os._exit": "exit code 3", "abort": "SIGABRT", "segfault": "SIGSEGV"}
    for what in reasons:
        engine.submit(Attempt(id=what, argument={"do": what}, log=folder / f"{what}.log"))
    outcomes = {outcome.id: outcome for outcome in _all(engine, 3, close=False)}
    for what, reason in reasons.items():
        found = (outcomes[what].ending, outcomes[what].exit)
        expect(found == ("crashed", reason), f"{what} ended as {found}")
    said = _text(folder / "segfault.log")
    expect("Segmentation fault" in said, f"the fault is not in the log: {said!r}")
    engine.submit(Attempt(id="last", argument={"do": "return"}, log=folder / "last.log"))
    [last] = _all(engine, 1)
    expect(last.ending == "returned", "after crashes nothing works")


def stops_what_eats_memory(engine: Engine, folder: Path) -> None:
    """An attempt above its memory limit is ended, and says why."""
    outcome = _one(engine, folder, {"do": "eat"}, memory=300_000_000)
    expect(outcome.ending == "out-of-memory", f"it ended as {outcome.ending}")
    expect(outcome.peak_memory > 300_000_000, f"its peak was {outcome.peak_memory:,}")


def kills_all_that_hangs(engine: Engine, folder: Path) -> None:
    """After a timeout nothing is left, not even what the attempt had started."""
    pids = folder / "pids"
    outcome = _one(engine, folder, {"do": "hang", "pids": str(pids)}, timeout=1.0)
    expect(outcome.ending == "timed-out", f"it ended as {outcome.ending}")
    expect(outcome.seconds < 5, f"it took {outcome.seconds} s")
    left = [pid for pid in map(int, pids.read_text().split()) if _lives(pid)]
    expect(not left, f"the processes {left} are left")


def closes_what_runs(engine: Engine, folder: Path) -> None:
    """Closing the engine ends what runs and what that had started."""
    pids = folder / "pids"
    _open(engine, folder)
    argument = {"do": "hang", "pids": str(pids)}
    engine.submit(Attempt(id="1", argument=argument, log=folder / "1.log"))
    until = time.monotonic() + _PATIENCE
    while not (pids.exists() and len(pids.read_text().split()) == 3) and time.monotonic() < until:
        engine.wait(0.01)
    engine.close()
    left = [pid for pid in map(int, pids.read_text().split()) if _lives(pid)]
    expect(not left, f"the processes {left} are left")


def logs_what_others_print(engine: Engine, folder: Path) -> None:
    """Output of C code, of children and of any bytes is in the log."""
    _one(engine, folder, {"do": "print-in-c"}, log=folder / "c.log")
    said = _text(folder / "c.log")
    wanted = ("from C", "to the number", "from a child")
    expect(all(words in said for words in wanted), f"the log is {said!r}")
    _one(engine, folder, {"do": "garbage"}, log=folder / "bytes.log")
    expect((folder / "bytes.log").read_bytes() == bytes(range(256)), "bytes were changed")


def _open(engine: Engine, folder: Path) -> None:
    engine.open(Program(entry=_ENTRY, setup={}, log=folder / "engine.log"))


def _one(engine: Engine, folder: Path, argument: dict[str, Any], **options: Any) -> Outcome:
    _open(engine, folder)
    options.setdefault("log", folder / "one.log")
    engine.submit(Attempt(id="1", argument=argument, **options))
    return _all(engine, 1)[0]


def _all(engine: Engine, count: int, *, close: bool = True) -> list[Outcome]:
    outcomes: list[Outcome] = []
    until = time.monotonic() + _PATIENCE
    while len(outcomes) < count and time.monotonic() < until:
        outcomes += engine.wait(0.2)
    if close:
        engine.close()
    expect(len(outcomes) == count, f"{len(outcomes)} of {count} attempts ended")
    return outcomes


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


PROOFS: tuple[Callable[[Engine, Path], None], ...] = (
    gives_back_what_was_returned,
    gives_back_large_results,
    says_when_it_raised,
    logs_what_is_printed,
    bounds_the_log,
    hides_secrets,
    refuses_with_the_programs_error,
    carries_out_many,
    cancels_what_waits_or_runs,
)

# What an engine must prove that says it `isolates`.
PROOFS_OF_ISOLATION: tuple[Callable[[Engine, Path], None], ...] = (
    survives_every_crash,
    stops_what_eats_memory,
    kills_all_that_hangs,
    closes_what_runs,
    logs_what_others_print,
)
