"""Whatever interrupts a demo, the same command goes on; nothing acknowledged is lost or doubled.

One journey is interrupted: by kill -9 at random moments (as many as TRUEUP_SEEDS says, and three
more), by Ctrl-C while a model trains and in the middle of the traffic, and by the death of its
server. Then it goes on to the end.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from trueup.backends.blobs.local import Backend
from trueup.foundation import clock

from .conftest import Journey, Process

pytestmark = pytest.mark.slow

SEEDS = min(int(os.environ.get("TRUEUP_SEEDS", "3")), 20)
OPTIONS = ("--traffic", "0.005", "--months", "3")
STOPPED = "Stopped. Nothing is half-written; run the same command to go on."
Reached = Callable[[Process], bool]


class Stopped(NamedTuple):
    """What was to be seen when a process of the demo had ended."""

    code: int
    words: str
    books: list[Any]
    newest_run: str
    server: int | None


class Interruptions(NamedTuple):
    """The journey, and how it stopped, each time in its order."""

    journey: Journey
    kills: list[Stopped]
    stops: list[Stopped]
    without_server: Stopped
    in_order: list[Stopped]  # all of these
    second: Stopped
    finished: Stopped


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Interruptions:
    """The journey that was interrupted and came to its end.

    The moments are places in the journey rather than times, so they are the same on a slow
    machine; before a kill, the dice then let up to a third of a second pass.
    """
    folder = tmp_path_factory.mktemp("interrupted") / "demo"
    dice = random.Random(20130401)
    events = sorted(dice.sample(range(1, 22), SEEDS))
    answers = sorted(dice.sample(range(2, 60), 2))

    def killed(*moments: Reached) -> list[Stopped]:
        return [_killed(folder, reached, dice.uniform(0, 0.3)) for reached in moments]

    early = killed(lambda _: True, *(at_events(n) for n in events if n < 9))
    with demo(folder) as process:
        wait_for(lambda: trains(process), process)
        with demo(folder) as other:
            second = ended(other)
        in_training = _stopped(process)
    later = killed(
        *(at_events(n) for n in events if n >= 9), *(at_answers(n) for n in answers if n < 20)
    )
    with demo(folder) as process:
        at_least = max(20, process.answers() + 1)
        wait_for(lambda: process.answers() >= at_least, process)
        in_traffic = _stopped(process)
    with demo(folder) as process:
        before = process.answers()
        wait_for(lambda: process.answers() > before, process)
        os.kill(process.server() or 0, signal.SIGKILL)
        without_server = ended(process)
    last = killed(*(at_answers(n) for n in answers if n >= 20))
    with demo(folder) as process:
        finished = ended(process)
    return Interruptions(
        Journey(folder),
        kills=[*early, *later, *last],
        stops=[in_training, in_traffic],
        without_server=without_server,
        in_order=[*early, in_training, *later, in_traffic, without_server, *last],
        second=second,
        finished=finished,
    )


def _killed(folder: Path, reached: Reached, pause: float) -> Stopped:
    with demo(folder) as process:
        before = process.events(), process.answers()
        wait_for(lambda: reached(process) and moved(process, before), process)
        time.sleep(pause)
        server = process.server()
        assert process.popen.poll() is None, process.words
        process.kill()
        return ended(process, server)


def _stopped(process: Process) -> Stopped:
    server = process.server()
    os.killpg(process.popen.pid, signal.SIGINT)
    return ended(process, server)


def test_the_same_command_comes_to_the_end(interrupted: Interruptions) -> None:
    assert len(interrupted.kills) == 1 + SEEDS + 2
    assert {stopped.code for stopped in interrupted.kills} == {-signal.SIGKILL}
    assert interrupted.finished.code == 0, interrupted.finished.words
    assert "holds an earlier journey: going on where it ended" in interrupted.finished.words


def test_what_was_answered_stays_answered(interrupted: Interruptions) -> None:
    acknowledged: list[Any] = []
    for stopped in interrupted.in_order:
        assert stopped.books[: len(acknowledged)] == acknowledged  # they are only ever added to
        acknowledged = stopped.books
    journey = interrupted.journey
    journaled = journey.journal("predictions")
    assert set(Counter(record["key"] for record in journaled).values()) == {1}  # none doubled
    kept = Counter((r["key"], r["request"], len(r["rows"])) for r in journaled)
    assert kept == Counter(tuple(answer[:3]) for answer in journey.books())
    assert acknowledged and {tuple(answer[:3]) for answer in acknowledged} <= set(kept)


def test_nothing_is_half_done(interrupted: Interruptions) -> None:
    journey = interrupted.journey
    states = {run["state"] for run in journey.rows("SELECT state FROM runs")}
    assert states <= {"finished", "lost", "interrupted"}
    (release,) = journey.rows("SELECT * FROM releases")
    assert (release["state"], release["version"]) == ("live", 1)
    assert [a["state"] for a in journey.rows("SELECT state FROM approvals")] == ["approved"]
    assert journey.rows("SELECT * FROM proposals") == []
    assert journey.rows("SELECT * FROM waiting_labels") == []
    looks = [row["as_of"] for row in journey.rows("SELECT as_of FROM evaluations")]
    assert len(looks) == len(set(looks)) == 14
    counted = journey.row("SELECT count(*) AS n FROM monitor_index")["n"]
    assert counted == len(journey.journal("predictions"))
    with clock.held_at(clock.now() + timedelta(hours=2)):  # the next command an hour after a kill
        Backend(f"local://{journey.home / 'blobs'}").close()
    assert not list(journey.home.rglob("*incoming*"))
    assert not list((journey.folder / "warehouse").rglob("*incoming*"))


def test_its_ledger_is_whole(
    interrupted: Interruptions, trueup: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(interrupted.journey.folder)
    assert trueup("audit", "verify").code == 0


def test_no_server_outlives_it(interrupted: Interruptions) -> None:
    servers = [each.server for each in interrupted.kills if each.server is not None]
    assert servers
    wait_for(lambda: not any(alive(number) for number in servers))


def test_ctrl_c_stops_it_in_one_line(interrupted: Interruptions) -> None:
    for stopped in interrupted.stops:
        assert stopped.code == 130, stopped.words
        assert stopped.words.rstrip().splitlines()[-1] == STOPPED
        assert stopped.words.count("Stopped.") == 1
        assert "Traceback" not in stopped.words and "error" not in stopped.words
        assert stopped.server is None or not alive(stopped.server)
    training, serving = interrupted.stops
    assert training.newest_run == "interrupted"
    assert serving.server is not None


def test_a_second_demo_in_its_folder_is_refused(interrupted: Interruptions) -> None:
    second = interrupted.second
    assert second.code == 4
    assert f"Another `trueup demo` is at work in {interrupted.journey.folder}" in second.words
    assert "more: trueup explain demo-at-work" in second.words


def test_a_server_that_dies_is_told(interrupted: Interruptions) -> None:
    told = interrupted.without_server
    assert told.code == 8
    assert "The prediction server no longer answers" in told.words
    assert "more: trueup explain server-gone" in told.words
    assert "Traceback" not in told.words


@contextmanager
def demo(folder: Path) -> Iterator[Process]:
    """The demo in a process of its own, which ends with the block at the latest."""
    process = Process(folder, *OPTIONS)
    try:
        yield process
    finally:
        if process.popen.poll() is None:
            process.kill()


def ended(process: Process, server: int | None = None) -> Stopped:
    code = process.popen.wait(timeout=240)
    journey = process.journey
    books = journey.books() if (journey.home / "acknowledged.jsonl").exists() else []
    runs = journey.count("runs") and journey.rows("SELECT state FROM runs ORDER BY started_at")
    return Stopped(code, process.words, books, runs[-1]["state"] if runs else "", server)


def at_events(number: int) -> Reached:
    return lambda process: process.events() >= number


def at_answers(number: int) -> Reached:
    return lambda process: process.answers() >= number


def trains(process: Process) -> bool:
    """Whether its newest run is under way, and began in this process."""
    if not process.journey.count("runs"):
        return False
    begun = process.journey.rows("SELECT state FROM runs ORDER BY started_at")
    return len(begun) > process.runs_before and begun[-1]["state"] == "running"


def moved(process: Process, before: tuple[int, int]) -> bool:
    """Whether this attempt came further than the one before; the first look needs no more."""
    return before == (0, 0) or (process.events(), process.answers()) > before


def wait_for(
    condition: Callable[[], bool], process: Process | None = None, seconds: float = 120
) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come so far in time"
        assert process is None or process.popen.poll() is None, process.words
        time.sleep(0.03)  # each look opens the database


def alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
