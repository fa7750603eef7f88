"""kill -9 at ten random moments: it goes on; nothing acknowledged is lost or doubled."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

OPTIONS = ("--traffic", "0.005", "--months", "3")
Progress = Callable[[Any], bool]


def moments(dice: random.Random) -> list[Progress]:
    """Ten moments, one behind the other, from the first import to the last answers.

    They are places in the journey rather than times, so they are the same on a slow machine; the
    dice then let up to a third of a second pass.
    """
    events = sorted(dice.sample(range(1, 22), 6))
    answers = sorted(dice.sample(range(2, 60), 3))
    return [
        lambda _process: True,
        *(lambda process, n=n: process.events() >= n for n in events),
        *(lambda process, n=n: process.answers() >= n for n in answers),
    ]


def test_killed_at_ten_random_moments_it_completes_and_the_books_are_even(
    start: Callable[..., Any], tmp_path: Path, trueup: Callable[..., Any]
) -> None:
    dice = random.Random(20130401)
    folder = tmp_path / "demo"
    acknowledged: list[Any] = []
    orphans = []
    for reached in moments(dice):
        process = start(folder, *OPTIONS)
        before = process.events(), process.answers()
        wait_for(lambda p=process, b=before, r=reached: r(p) and moved(p, b), process)
        time.sleep(dice.uniform(0, 0.3))
        orphans.append(process.server())
        assert process.popen.poll() is None, process.words
        process.kill()
        journey = process.journey
        books = journey.books() if (journey.home / "acknowledged.jsonl").exists() else []
        assert books[: len(acknowledged)] == acknowledged  # its own books are only ever added to
        acknowledged = books
    servers = [number for number in orphans if number is not None]
    assert servers
    wait_for(lambda: not any(alive(number) for number in servers))

    last = start(folder, *OPTIONS)
    assert last.popen.wait(timeout=240) == 0, last.words
    journey = last.journey
    journaled = Counter(record["key"] for record in journey.journal("predictions"))
    assert set(journaled.values()) == {1}  # none doubled
    now = Counter((r["key"], r["request"], len(r["rows"])) for r in journey.journal("predictions"))
    assert now == Counter(tuple(answer[:3]) for answer in journey.books())
    assert acknowledged and {tuple(answer[:3]) for answer in acknowledged} <= set(now)
    assert_nothing_is_half_done(journey)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert trueup("audit", "verify").code == 0


def assert_nothing_is_half_done(journey: Any) -> None:
    assert {run["state"] for run in journey.rows("SELECT state FROM runs")} <= {"finished", "lost"}
    (release,) = journey.rows("SELECT * FROM releases")
    assert (release["state"], release["version"]) == ("live", 1)
    assert [a["state"] for a in journey.rows("SELECT state FROM approvals")] == ["approved"]
    assert journey.rows("SELECT * FROM proposals") == []
    assert journey.rows("SELECT * FROM waiting_labels") == []
    looks = [row["as_of"] for row in journey.rows("SELECT as_of FROM evaluations")]
    assert len(looks) == len(set(looks)) == 14
    counted = journey.row("SELECT count(*) AS n FROM monitor_index")["n"]
    assert counted == len(journey.journal("predictions"))
    assert not list(journey.home.rglob("*incoming*"))
    assert not list((journey.folder / "warehouse").rglob("*incoming*"))


def moved(process: Any, before: tuple[int, int]) -> bool:
    """Whether this attempt came further than the one before; the first look needs no more."""
    return before == (0, 0) or (process.events(), process.answers()) > before


def wait_for(condition: Callable[[], bool], process: Any = None, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come so far in time"
        assert process is None or process.popen.poll() is None, process.words
        time.sleep(0.01)


def alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
