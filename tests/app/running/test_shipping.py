"""Shipping: what was logged arrives once, in order, whatever dies on the way."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

import trueup
from trueup.app.running import shipping
from trueup.app.running.shipping import Project, Shipper
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation.errors import BackendError, UsageError
from trueup.lifecycle.runs.logging import outbox
from trueup.lifecycle.runs.tracking.receiving.records import Batch, Received

WRITER = """
import os, sys
import trueup
run = trueup.run("flights", wait=0, capture=False, depth=6)
for step in range(10**9):
    run.log(loss=float(step), step=step)
    os.write(1, b"%d\\n" % step)
"""


@pytest.fixture
def root(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that has state, in whose outbox nobody ships by itself."""
    (tmp_path / "project").mkdir(exist_ok=True)
    found = tmp_path / "project"
    (found / "trueup.toml").write_text('[project]\nname = "flights"\n')
    (found / ".trueup").mkdir(mode=0o700)
    for each in home.iterdir():
        each.rename(found / ".trueup" / each.name)
    monkeypatch.chdir(found)
    monkeypatch.delenv("TRUEUP_URL", raising=False)
    monkeypatch.setenv("LOGNAME", "olga")  # the owner of the state that was copied
    monkeypatch.setattr(sys, "executable", "")  # starts no shipper: the tests ship themselves
    return found


@pytest.fixture
def workspace(root: Path) -> Iterator[Workspace]:
    with open_workspace(root) as found:
        yield found


@pytest.fixture
def ship(root: Path, workspace: Workspace) -> Callable[[], list[shipping.Shipment]]:
    place = root / ".trueup" / "outbox"
    return lambda: Shipper(place, lambda _: Project(workspace)).once()


def history(workspace: Workspace, run_id: str, key: str = "loss") -> list[float]:
    found = workspace.tracking.history(workspace.owner, run_id, key, 1_000_000)
    return [point.value for point in found]


def test_everything_arrives_and_nothing_is_left(
    workspace: Workspace, root: Path, ship: Callable[[], list[shipping.Shipment]]
) -> None:
    with trueup.run("flights", wait=0, depth=6) as run:
        for step in range(500):
            run.log(loss=step)
        run.tags(team="blue")
        run.text("notes", "all well")
        sys.stdout.write("said \x1b[31maloud\x1b[0m\n")
    (done,) = ship()
    assert (done.run, done.is_over, done.waits) == (run.id, True, "")
    found = workspace.tracking.show(workspace.owner, run.id)
    assert (found.state, found.params, found.tags["team"]) == ("finished", {"depth": "6"}, "blue")
    assert history(workspace, run.id) == list(range(500))
    below = workspace.files.below(workspace.owner, found.artifacts.partition("/")[2])
    assert {"notes.txt", "output.txt", "source/environment.json"} <= {path for path, _ in below}
    content = workspace.files.content(
        workspace.owner, f"{found.artifacts.partition('/')[2]}/output.txt"
    )
    assert b"said aloud\n" in b"".join(content.pieces(0, content.size))
    assert not outbox.writers(root / ".trueup" / "outbox")


def test_it_arrives_while_the_run_goes_on(
    workspace: Workspace, ship: Callable[[], list[shipping.Shipment]]
) -> None:
    run = trueup.run("flights", wait=0, capture=False)
    for step in range(3):
        run.log(loss=step)
        ship()
        assert history(workspace, run.id)[-1] == step
    assert workspace.tracking.show(workspace.owner, run.id).state == "running"
    run.finish(wait=0)
    ship()
    assert workspace.tracking.show(workspace.owner, run.id).state == "finished"


class Unsteady:
    """Takes a batch, and fails to say so; or is away."""

    def __init__(self, sink: Project, seed: int) -> None:
        self._sink = sink
        self._random = random.Random(seed)

    def receive(self, batch: Batch) -> Received:
        if self._random.random() < 0.3:
            raise BackendError("shipping-server-away", "away")
        found = self._sink.receive(batch)
        if self._random.random() < 0.3:
            raise BackendError("shipping-server-away", "answered nothing")
        return found

    def keep(self, run: str, path: str, file: Path) -> None:
        self._sink.keep(run, path, file)
        if self._random.random() < 0.3:
            raise BackendError("shipping-server-away", "answered nothing")


@pytest.mark.parametrize("seed", range(3))
def test_a_server_that_fails_before_and_after_it_kept_a_batch_gets_each_point_once(
    seed: int, workspace: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "_AGAIN_S", (0.0,))
    with trueup.run("flights", wait=0, capture=False) as run:
        for step in range(10):
            run.log(loss=step)
            run.text(f"notes/{step}", str(step))
    sink = Unsteady(Project(workspace), seed)
    for _ in range(200):  # each time as a process that starts anew
        done = Shipper(root / ".trueup" / "outbox", lambda _: sink).once()
        if all(each.is_over for each in done):
            break
    assert history(workspace, run.id) == list(range(10))
    found = workspace.tracking.show(workspace.owner, run.id)
    assert found.state == "finished"
    assert len(workspace.files.below(workspace.owner, found.artifacts.partition("/")[2])) == 10


def killed_writer(root: Path, after: float) -> int:
    """Log in another process until it is killed; the last step that it said was logged."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [PYTHON, "-c", WRITER.replace("import trueup\n", _ALONE)],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(after)
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read()
    child.wait()
    child.stdout.close()
    return int((first + rest).split()[-1])


PYTHON = sys.executable
_ALONE = "import trueup\nsys.executable = ''\n"


@pytest.mark.slow
def test_kill_9_loses_no_point_that_was_logged_and_doubles_none(
    workspace: Workspace, root: Path, ship: Callable[[], list[shipping.Shipment]]
) -> None:
    chance = random.Random(7)
    for _ in range(4):
        last = killed_writer(root, chance.random() / 10)
        (done,) = ship()
        found = workspace.tracking.show(workspace.owner, done.run)
        values = history(workspace, done.run)
        assert values == [float(step) for step in range(len(values))]
        assert len(values) in (last + 1, last + 2)  # it may have died before it could say so
        assert found.state == "killed"
        assert found.ended_at is not None
        assert "process" in found.tags["trueup.died"]


def test_two_processes_never_ship_from_one_outbox(root: Path) -> None:
    place = root / ".trueup" / "outbox"
    with outbox.shipping(place) as first, outbox.shipping(place) as second:
        assert (first, second) == (True, False)
        assert shipping.ship(place) is None


@pytest.fixture
def far(tmp_path: Path) -> Path:
    """A project elsewhere, in which sam may log."""
    place = tmp_path / "far"
    place.mkdir()
    team = '[project]\nname = "far"\nobjective = "Receive"\n\n[team]\nsam = ["scientist"]\n'
    (place / "trueup.toml").write_text(team)
    elsewhere(place, "plan", "adopt")
    return place


def elsewhere(place: Path, *words: str) -> str:
    """What a command of ours prints in another project."""
    done = subprocess.run(
        [PYTHON, "-m", "trueup", *words],
        cwd=place,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_a_server_far_away_gets_it_by_its_address_and_a_token(
    root: Path, far: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = elsewhere(far, "people", "token", "add", "sam")
    up = [PYTHON, "-m", "trueup", "up", "--port", "0", "--json", "--until-stdin-closes"]
    with subprocess.Popen(
        [*up, "--require-sign-in"],
        cwd=far,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        monkeypatch.setenv("TRUEUP_URL", msgspec.json.decode(server.stdout.readline())["listening"])
        with trueup.run("flights", wait=0, capture=False, depth=6) as run:
            for step in range(5_000):
                run.log(loss=step)
            run.text("notes", "from afar")
        place = root / ".trueup" / "outbox"
        monkeypatch.setenv("TRUEUP_TOKEN", "wrong")
        (refused,) = shipping.ship(place) or ()
        assert "token is wrong" in refused.waits
        monkeypatch.setenv("TRUEUP_TOKEN", token)
        (done,) = shipping.ship(place) or ()
        assert (done.run, done.is_over, done.waits) == (run.id, True, "")
        server.stdin.close()
    with open_workspace(far) as there:
        found = there.tracking.show(there.owner, run.id)
        assert (found.state, found.params) == ("finished", {"depth": "6"})
        assert len(history(there, run.id)) == 5_000
        assert there.files.below(there.owner, found.artifacts.partition("/")[2])


def test_who_has_nowhere_to_ship_to_leaves_the_outbox_to_others(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logged without a project or server: a shipper that waits there would lock out the next."""
    with trueup.run("flights", wait=0) as run:
        run.log(loss=1)

    def nowhere(_: str) -> shipping.Sink:
        raise UsageError("no-project", "There is no project here.", hint="trueup init")

    monkeypatch.setattr(shipping.time, "sleep", lambda _: pytest.fail("it waits"))
    Shipper(root / ".trueup" / "outbox", nowhere).follow()
    assert outbox.writers(root / ".trueup" / "outbox")
