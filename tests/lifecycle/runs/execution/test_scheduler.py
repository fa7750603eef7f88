"""Runs of many kinds: lists, choices, retries, parts of a pipeline, crashes, cancellation."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trueup.foundation.errors import ConflictError, NotFoundError, UsageError, UserCodeError
from trueup.lifecycle.pipeline.passing import values
from trueup.lifecycle.runs.records import RunDetail, RunOptions
from trueup.lifecycle.runs.service import Runs

if TYPE_CHECKING:
    from conftest import Project

HEAD = """
    import os, sys, time
    from pathlib import Path
    from trueup import choose, each, pipeline, step

    HERE = Path(__file__).parent

    def count(name):
        seen = HERE / f"count-{name}"
        number = len(seen.read_text()) if seen.exists() else 0
        with seen.open("a") as file:
            file.write("x")
        return number + 1
"""


def write(project: Project, text: str) -> None:
    project.write(textwrap.dedent(HEAD) + textwrap.dedent(text))


def counted(project: Project, name: str) -> int:
    seen = project.root / "pipelines" / f"count-{name}"
    return len(seen.read_text()) if seen.exists() else 0


def shown(project: Project) -> RunDetail:
    runs = Runs(project.state)
    [newest] = runs.list(project.actor, limit=1).runs
    return runs.show(project.actor, newest.id)


MAPPED = """
    @step
    def numbers(n: int) -> list[int]:
        return list(range(n))

    @step
    def square(number: int, plus: int) -> int:
        count(number)
        if number == {bad}:
            raise ValueError("three is bad")
        return number * number + plus

    @step
    def total(found: list[int]) -> dict[str, float]:
        return {{"sum": sum(found), "items": len(found)}}

    @pipeline
    def mapped(n: int = 6):
        total(square.map(numbers(n), plus=1))
"""


@pytest.mark.parametrize("engine", ["inprocess://", "processes://"])
def test_a_step_over_a_list_gives_a_list(project: Project, engine: str) -> None:
    write(project, MAPPED.format(bad=-1))
    run = project.run(engine=engine)
    found = shown(project)
    assert {m.name: m.value for m in found.metrics} == {"sum": 61.0, "items": 6.0}
    square = found.steps[1]
    assert (square.items, square.reused, square.attempts, square.item) == (6, 0, 6, -1)
    assert square.outputs is not None
    assert values.load(project.state.blobs, square.outputs) == [1, 2, 5, 10, 17, 26]
    page = Runs(project.state).items(project.actor, run.id, 2, limit=4)
    assert [item.step for item in page.items] == [f"square[{n}]" for n in range(4)]
    rest = Runs(project.state).items(project.actor, run.id, 2, start=page.next)
    assert [item.item for item in rest.items] == [4, 5]


def test_no_two_calls_that_run_at_once_see_the_same_device(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-7")
    write(
        project,
        """
        @step(gpus=1)
        def seen(number: int) -> list[object]:
            begun = time.monotonic()
            time.sleep(0.02)
            return [os.environ["CUDA_VISIBLE_DEVICES"], begun, time.monotonic()]

        @pipeline
        def devices():
            seen.map(list(range(5)))
        """,
    )
    project.run(engine="processes://", options=RunOptions(workers=5))
    outputs = shown(project).steps[0].outputs
    assert outputs is not None
    calls = sorted(values.load(project.state.blobs, outputs), key=lambda call: call[1])
    assert {device for device, _, _ in calls} == {"5", "GPU-7"}
    for device in ("5", "GPU-7"):
        times = [(begun, ended) for where, begun, ended in calls if where == device]
        assert all(ended <= begun for (_, ended), (begun, _) in itertools.pairwise(times))


def test_only_new_items_run(project: Project) -> None:
    write(project, MAPPED.format(bad=-1))
    project.run()
    project.run({"n": 8})
    square = shown(project).steps[1]
    assert (square.items, square.reused, square.cached) == (8, 6, False)
    assert square.why == ("6 of 8 items reused", "this item has not run before")
    project.run({"n": 8})
    assert project.outcome()["square"] == "reused"
    assert [counted(project, str(n)) for n in range(8)] == [1] * 8


def test_an_empty_list_gives_an_empty_list(project: Project) -> None:
    write(project, MAPPED.format(bad=-1))
    project.run({"n": 0})
    assert {m.name: m.value for m in shown(project).metrics} == {"sum": 0.0, "items": 0.0}


@pytest.mark.parametrize("engine", ["inprocess://", "processes://"])
def test_one_failing_item_fails_the_run_and_the_others_are_kept(
    project: Project, engine: str
) -> None:
    write(project, MAPPED.format(bad=3))
    with pytest.raises(UserCodeError, match=r"Step 'square\[3\]' failed .*three is bad"):
        project.run(engine=engine)
    found = shown(project)
    assert (found.run.state, found.steps[-1].step, found.steps[-1].state) == (
        "failed",
        "square",
        "failed",
    )
    assert [failure.step for failure in found.failures] == ["square[3]"]
    project.edit("number == 3", "number == -1")
    before = counted(project, "0")
    project.run(engine=engine)
    assert shown(project).run.state == "finished"
    assert before == 1


CHOOSING = """
    @step
    def is_large(n: int) -> bool:
        return n > 10

    @step
    def careful(n: int) -> str:
        return f"careful {n}"

    @step
    def quick(n: int) -> str:
        return f"quick {n}"

    @step
    def report(how: str) -> dict[str, float]:
        return {"length": len(how)}

    @pipeline
    def choosing(n: int = 3):
        report(choose(is_large(n), then=lambda: careful(n), otherwise=lambda: quick(n)))
"""


def test_a_choice_runs_one_branch_and_skips_the_other(project: Project) -> None:
    write(project, CHOOSING)
    project.run()
    states = {step.step: step.state for step in shown(project).steps}
    assert states == {
        "is_large": "finished",
        "careful": "skipped",
        "quick": "finished",
        "choose": "finished",
        "report": "finished",
    }
    project.run({"n": 30})
    states = {step.step: step.state for step in shown(project).steps}
    assert (states["careful"], states["quick"]) == ("finished", "skipped")
    assert [m.value for m in shown(project).metrics] == [float(len("careful 30"))]


FLAKY = """
    @step(retries=2, backoff="1ms", cache=False)
    def flaky() -> int:
        number = count("flaky")
        print("attempt", number)
        if number < {good}:
            raise ConnectionError(f"attempt {{number}} failed")
        return number

    @pipeline
    def retried():
        flaky()
"""


@pytest.mark.parametrize("engine", ["inprocess://", "processes://"])
def test_a_step_that_succeeds_on_its_second_attempt(project: Project, engine: str) -> None:
    write(project, FLAKY.format(good=2))
    run = project.run(engine=engine)
    starting = [] if engine == "inprocess://" else ["starting"]  # its workers import first
    states = [p.state for p in project.progress]
    assert states == [*starting, "started", "retried", "started", "finished"]
    first, second = Runs(project.state).attempts(project.actor, run.id, "flaky")
    assert first.error is not None
    assert "attempt 1 failed" in first.error.message
    assert (first.state, second.state, second.number) == ("failed", "finished", 2)
    logs = [project.state.blobs.get(attempt.log).decode() for attempt in (first, second)]
    assert logs == ["attempt 1\n", "attempt 2\n"]
    step = shown(project).steps[0]
    assert (step.attempts, step.log) == (2, second.log)


def test_a_step_that_never_succeeds_is_tried_as_often_as_it_says(project: Project) -> None:
    write(project, FLAKY.format(good=9))
    with pytest.raises(UserCodeError, match="attempt 3 failed"):
        project.run()
    assert len(shown(project).failures) == 3


BAD = """
    @step({options})
    def bad() -> int:
        print("before the end")
        {body}
        return 1

    @pipeline
    def crashing():
        bad()
"""


@pytest.mark.parametrize(
    ("body", "options", "code", "words"),
    [
        ("os._exit(3)", "", "step-crashed", "exit code 3"),
        ("os.abort()", "", "step-crashed", "SIGABRT"),
        ("os.kill(os.getpid(), 9)", "", "step-crashed", "SIGKILL"),
        ("sys.exit(2)", "", "step-failed", "tried to end the process"),
        ("time.sleep(600)", 'timeout="200ms"', "step-timed-out", "200ms"),
        (
            'kept = [b"x" * 20_000_000 for _ in range(100) if not time.sleep(0.01)]',
            'memory="400MB"',
            "step-out-of-memory",
            "its limit of 400MB",
        ),
    ],
)
@pytest.mark.slow
def test_whatever_a_step_does_is_its_own_failure(
    project: Project, body: str, options: str, code: str, words: str
) -> None:
    write(project, BAD.format(body=body, options=options))
    with pytest.raises(UserCodeError, match=words) as caught:
        project.run(engine="processes://")
    assert caught.value.code == code
    assert "bad" in caught.value.message
    found = shown(project)
    assert (found.run.state, found.steps[0].state) == ("failed", "failed")
    log = project.state.blobs.get(found.steps[0].log).decode()
    assert "before the end" in log
    if code != "step-failed":
        assert any("before the end" in line for line in caught.value.context["log"])


PARTS = """
    @step
    def first() -> int:
        return count("first")

    @step
    def second(number: int) -> int:
        return count("second") + number

    @step
    def third(number: int) -> int:
        return count("third") + number

    @pipeline
    def parts():
        third(second(first()))
"""


def test_from_a_step_it_and_what_follows_run_again(project: Project) -> None:
    write(project, PARTS)
    project.run()
    project.run(options=RunOptions(from_step="second"))
    assert project.outcome() == {"first": "reused", "second": "finished", "third": "finished"}
    assert project.why("third") == ("asked for with --from second",)


def test_one_step_alone_runs_on_what_the_cache_has(project: Project) -> None:
    write(project, PARTS)
    with pytest.raises(UsageError, match="the result of 'first' is not in the cache"):
        project.run(options=RunOptions(only_step="third"))
    assert Runs(project.state).list(project.actor).runs == ()
    project.run()
    project.run(options=RunOptions(only_step="second"))
    assert project.outcome() == {"first": "reused", "second": "finished", "third": "skipped"}
    assert [counted(project, name) for name in ("first", "second", "third")] == [1, 2, 1]


def test_an_unknown_step_gets_the_near_one(project: Project) -> None:
    write(project, PARTS)
    with pytest.raises(NotFoundError, match="Did you mean 'second'"):
        project.run(options=RunOptions(from_step="secnd"))
    assert Runs(project.state).list(project.actor).runs == ()


TOGETHER = """
    @step(cache=False)
    def meet(name: str, other: str) -> int:
        (HERE / name).touch()
        until = time.monotonic() + 20
        while not (HERE / other).exists() and time.monotonic() < until:
            time.sleep(0.005)
        return int((HERE / other).exists())

    @step(cache=False)
    def both(a: int, b: int) -> dict[str, float]:
        return {"met": a + b}

    @pipeline
    def together():
        both(meet("here", "there"), meet("there", "here"))
"""


def test_what_does_not_depend_on_each_other_runs_at_once(project: Project) -> None:
    write(project, TOGETHER)
    project.run(engine="processes://", options=RunOptions(workers=2))
    assert [m.value for m in shown(project).metrics] == [2.0]


LONG = """
    @step
    def done() -> int:
        return 1

    @step
    def long(number: int) -> int:
        print("waiting", flush=True)
        (HERE / "pid").write_text(str(os.getpid()))
        time.sleep(600)
        return 1

    @pipeline
    def longer():
        long(done())
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_cancelled_run_ends_and_leaves_nothing(project: Project) -> None:
    write(project, LONG)
    runs = Runs(project.state)
    over = threading.Event()

    def cancel() -> None:
        pid = project.root / "pipelines" / "pid"
        while not (pid.exists() and pid.read_text()):
            if over.wait(0.01):
                return  # it ended before the step began, which fails the test
        [run] = runs.list(project.actor).runs
        runs.cancel(project.actor, run.id, "wrong data")

    other = threading.Thread(target=cancel)
    other.start()
    try:
        with pytest.raises(ConflictError, match="sam cancelled run"):
            project.run(engine="processes://")
    finally:
        over.set()
        other.join()
    assert not alive(int((project.root / "pipelines" / "pid").read_text()))
    found = shown(project)
    assert (found.run.state, found.run.error and found.run.error.code) == (
        "interrupted",
        "run-cancelled",
    )
    assert [(s.step, s.state) for s in found.steps] == [
        ("done", "finished"),
        ("long", "interrupted"),
    ]
    assert project.state.blobs.get(found.steps[1].log) == b"waiting\n"
    with pytest.raises(ConflictError):
        runs.cancel(project.actor, found.run.id)


SLOW_ITEMS = """
    @step
    def item(number: int) -> int:
        time.sleep(0.02)
        return number * 3

    @step
    def total(found: list[int]) -> dict[str, float]:
        return {"sum": sum(found)}

    @pipeline
    def items():
        total(item.map(list(range(25))))
"""

SCRIPT = """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from tests.conftest import open_state
    from trueup.foundation.actor import Actor
    from trueup.lifecycle.pipeline import discovery
    from trueup.lifecycle.runs.execution.executing import execute

    root = Path(sys.argv[1])
    execute(open_state(root.parent / ".trueup"), Actor(name="sam"), root, discovery.find(root), {},
            data={}, progress=lambda told: print(told.state, told.step, flush=True))
"""


@pytest.mark.slow
@pytest.mark.parametrize("after", [2, 20])
def test_kill_9_at_any_item_and_the_next_run_goes_on(project: Project, after: int) -> None:
    write(project, SLOW_ITEMS)
    script = project.root / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(script), str(project.root), str(Path(__file__).parents[4])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    finished = (line for line in process.stdout if line.startswith("finished item["))
    told = list(itertools.islice(finished, after))  # ends as well if the process does
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(told) == after
    project.run()
    assert {m.name: m.value for m in shown(project).metrics} == {"sum": 900.0}
    step = shown(project).steps[0]
    assert step.reused >= after, "what was told to be finished is reused"
    assert Runs(project.state).list(project.actor, state="lost").runs
    left = [p for p in Path("/proc").glob("[0-9]*/cmdline") if _mentions(p, project.root)]
    assert not left


def _mentions(cmdline: Path, root: Path) -> bool:
    try:
        return os.fsencode(root) in cmdline.read_bytes()
    except OSError:
        return False


HELPED = """
    from trueup import pipeline, step

    @step
    def told() -> str:
        from words import WORD
        return WORD

    @pipeline
    def words():
        told()
"""


@pytest.mark.slow
def test_the_next_run_of_a_process_sees_the_files_as_they_are_then(project: Project) -> None:
    project.write(HELPED)
    found = []
    for word in ("early", "late"):
        project.write(f'WORD = "{word}"\n', "words.py")
        run = project.run(engine="processes://")
        [step] = Runs(project.state).show(project.actor, run.id).steps
        assert step.outputs is not None
        found.append(values.load(project.state.blobs, step.outputs))

    assert found == ["early", "late"]


def test_code_that_is_edited_while_the_run_begins_is_not_executed(project: Project) -> None:
    write(project, PARTS)

    def edit(_reached: object) -> str:
        project.edit('count("third") + number', 'count("third") + number + 1')
        return ""

    with pytest.raises(ConflictError, match="have changed since the run began"):
        project.run(engine="processes://", capture=edit)
    assert shown(project).run.state == "failed"
    assert counted(project, "first") == 0
