"""`run.log`: every value that it took is in a file by the time it returns."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

import trueup
from trueup.foundation.errors import ConflictError, UsageError
from trueup.lifecycle.runs.logging import book as books
from trueup.lifecycle.runs.logging import outbox
from trueup.lifecycle.runs.logging.reading import MISSED, Piece
from trueup.lifecycle.runs.tracking.records import Point

from .conftest import in_child

Points = Callable[[], list[Point]]
Read = Callable[[], list[Piece]]


def test_values_have_the_order_the_steps_and_the_names_they_were_given(points: Points) -> None:
    with trueup.run("flights", wait=0, capture=False) as run:
        run.log(loss=0.5)
        run.log({"val/auc": 0.7}, loss=0.25)
        run.log(loss=0.1, step=40)
        run.log(loss=0.05)
    assert [(p.key, p.value, p.step) for p in points()] == [
        ("loss", 0.5, 0),
        ("val/auc", 0.7, 1),
        ("loss", 0.25, 1),
        ("loss", 0.1, 40),
        ("loss", 0.05, 41),
    ]


def test_they_can_be_read_before_the_run_ends(points: Points) -> None:
    with trueup.run("flights", wait=0, capture=False) as run:
        run.log(loss=0.5)
        assert [p.value for p in points()] == [0.5]
        run.log(loss=0.4)
        assert [p.value for p in points()] == [0.4]


def test_nan_infinities_and_numbers_of_other_kinds_are_numbers(points: Points) -> None:
    with trueup.run("flights", wait=0, capture=False) as run:
        run.log(a=math.nan, b=math.inf, c=-math.inf, d=True, e=3, f=Decimal("0.5"))
    found = [p.value for p in points()]
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf, 1.0, 3.0, 0.5]


@pytest.mark.parametrize("value", ["0.5", None, [1.0], 10**400])
def test_what_is_no_number_is_refused_and_nothing_is_logged(value: object, points: Points) -> None:
    with trueup.run("flights", wait=0, capture=False) as run:
        with pytest.raises(UsageError, match="metric 'loss'") as caught:
            run.log(accuracy=0.5, loss=value)
        assert caught.value.code == "value-unusable"
        run.log(accuracy=1.0)
    assert [(p.value, p.step) for p in points()] == [(1.0, 0)]


@pytest.mark.parametrize("step", [0.5, "3", 2**63])
def test_a_step_is_a_whole_number(step: object) -> None:
    with (
        trueup.run("flights", wait=0, capture=False) as run,
        pytest.raises(UsageError, match="step"),
    ):
        run.log(loss=0.5, step=step)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["", "a/../b", "x" * 251, "a\nb"])
def test_a_name_that_no_page_could_show_is_refused(key: str) -> None:
    with trueup.run("flights", wait=0, capture=False) as run, pytest.raises(UsageError):
        run.log({key: 1.0})


def test_segments_follow_each_other_without_a_seam(
    points: Points, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "SIZE", 1 << 16)
    monkeypatch.setattr(books.Book.__init__, "__defaults__", (1 << 16,))
    with trueup.run("flights", wait=0, capture=False) as run:
        for step in range(9000):
            run.log(loss=step, accuracy=-step)
    assert len(list(next(iter(outbox.writers(place))).glob("*.seg"))) > 5
    assert [p.value for p in points()] == [v for step in range(9000) for v in (step, -step)]


@pytest.mark.slow
def test_a_great_many_names(points: Points) -> None:
    names = [f"layer/{n}" for n in range(100_000)]
    with trueup.run("flights", wait=0, capture=False) as run:
        for name in names[:50_000]:
            run.log({name: 1.0})
        run.log(dict.fromkeys(names[50_000:], 2.0), step=7)
    found = points()
    assert [p.key for p in found] == names
    assert {p.step for p in found[50_000:]} == {7}


def test_threads_log_to_one_run(points: Points) -> None:
    with trueup.run("flights", wait=0, capture=False) as run:

        def work(number: int) -> None:
            for step in range(2000):
                trueup.log({f"loss/{number}": step}, step=step)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert run.state == "finished"
    found = points()
    for number in range(4):
        assert [p.value for p in found if p.key == f"loss/{number}"] == list(range(2000))


def test_each_of_several_tasks_has_its_own_run(read: Read) -> None:
    async def train(name: str) -> None:
        with trueup.run(name, wait=0, capture=False):
            for step in range(5):
                await asyncio.sleep(0)
                trueup.log(loss=step)

    async def both() -> None:
        await asyncio.gather(train("a"), train("b"))

    asyncio.run(both())
    found = [
        (piece.opening.experiment, point.value)
        for piece in read()
        for point in piece.batch.points
        if point.key == "loss"
    ]
    assert sorted(found) == [(name, float(step)) for name in "ab" for step in range(5)]


def test_without_a_run_nothing_is_logged_silently() -> None:
    with pytest.raises(UsageError) as caught:
        trueup.log(loss=0.5)
    assert caught.value.code == "no-run"
    assert "with trueup.run(" in caught.value.hint


def test_between_two_runs_a_thread_must_say_which(place: Path) -> None:
    first, second = trueup.run("a", capture=False), trueup.run("b", capture=False)
    with pytest.raises(UsageError, match="2 runs are open"):
        trueup.log(loss=0.5)
    second.finish(wait=0)
    assert trueup.active_run() is first
    first.finish(wait=0)


def test_a_run_that_ended_takes_nothing() -> None:
    with trueup.run("flights", wait=0, capture=False) as run:
        pass
    for call in (lambda: run.log(loss=1.0), lambda: run.params(a=1), lambda: run.tags(a=1)):
        with pytest.raises(ConflictError, match="has ended"):
            call()


def test_the_end_tells_how_it_ended(read: Read) -> None:
    with pytest.raises(ZeroDivisionError), trueup.run("a", wait=0, capture=False):
        _ = 1 / 0
    with pytest.raises(KeyboardInterrupt), trueup.run("b", wait=0, capture=False):
        raise KeyboardInterrupt
    with trueup.run("c", wait=0, capture=False):
        pass
    ends = {p.batch.experiment: p.batch.state for p in read() if p.batch.state}
    assert ends == {"a": "failed", "b": "killed", "c": "finished"}


def test_a_parameter_never_changes(read: Read) -> None:
    with trueup.run("flights", wait=0, capture=False, depth=6) as run:
        run.params(depth=6, rate=0.1)
        with pytest.raises(ConflictError, match="depth"):
            run.params(depth=7)
    assert [p.batch.params for p in read() if p.batch.params] == [{"depth": "6", "rate": "0.1"}]


def test_a_run_that_cannot_begin_is_not_left_open() -> None:
    with pytest.raises(UsageError):
        trueup.run("flights", tags={"../x": "1"})
    with pytest.raises(UsageError, match="no run to log to"):
        trueup.log(loss=1.0)


def test_a_file_is_kept_as_it_was(read: Read, tmp_path: Path, place: Path) -> None:
    with trueup.run("flights", wait=0, capture=False) as run:
        (tmp_path / "plot.svg").write_text("first")
        run.log(loss=0.5)
        run.file(tmp_path / "plot.svg", "plots/loss.svg")
        (tmp_path / "plot.svg").write_text("second")
        with pytest.raises(UsageError, match="no file"):
            run.file("nowhere.png")
        with pytest.raises(UsageError):
            run.content("../escape.txt", b"")
    (kept,) = [file for piece in read() for file in piece.files if file.path == "plots/loss.svg"]
    (folder,) = outbox.writers(place)
    assert (folder / "files" / kept.stored).read_text() == "first"


def test_a_fork_adds_to_the_run_from_a_folder_of_its_own(read: Read, place: Path) -> None:
    with trueup.run("flights", wait=0, capture=False) as run:
        run.log(loss=1.0)
        assert in_child(lambda: run.log(loss=2.0)) == 0
        run.log(loss=3.0)
        assert len(outbox.writers(place)) == 2
        alive = [outbox.is_alive(folder) for folder in outbox.writers(place)]
        assert sorted(alive) == [False, True]
    found = read()
    assert {piece.batch.run for piece in found} == {run.id}
    assert sorted(p.value for piece in found for p in piece.batch.points) == [1.0, 2.0, 3.0]
    assert [piece.batch.state for piece in found if piece.batch.state] == ["finished"]


def test_a_clock_that_is_set_back_changes_no_order(
    points: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([100, 200, 50, 60, 300] + [400] * 9)
    with trueup.run("flights", wait=0, capture=False) as run:
        monkeypatch.setattr(books, "time", Clock(seconds))
        for step in range(5):
            run.log(loss=step)
        monkeypatch.undo()
    assert [p.at for p in points()] == [100_000, 200_000, 200_000, 200_000, 300_000]


def test_a_full_disk_is_told_once_counted_and_never_raised(
    read: Read, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with trueup.run("flights", wait=0, capture=False) as run:
        run.log(loss=1.0)
        book = run._book
        full = {"is": True}
        real = books.Segment

        def segment(*given: object) -> object:
            if full["is"]:
                raise OSError(28, "No space left on device")
            return real(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(books, "Segment", segment)
        monkeypatch.setattr(books, "_AGAIN_S", 0.0)
        book._limit = 0  # as if this segment were full
        for _ in range(100):
            run.log(loss=2.0, accuracy=0.5)
        full["is"] = False
        run.log(loss=3.0)
    found = read()
    assert [p.value for piece in found for p in piece.batch.points] == [1.0, 3.0]
    assert [p.step for piece in found for p in piece.batch.points] == [0, 101]
    assert {piece.batch.tags[MISSED] for piece in found if MISSED in piece.batch.tags} == {"200"}
    assert caplog.text.count("No space left on device") == 1


class Clock:
    """`time`, with a clock of its own."""

    def __init__(self, seconds: object) -> None:
        self._seconds = iter(seconds)  # type: ignore[call-overload]

    def time_ns(self) -> int:
        return int(next(self._seconds)) * 1_000_000_000

    def monotonic(self) -> float:
        return 0.0
