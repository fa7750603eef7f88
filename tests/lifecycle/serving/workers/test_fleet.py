"""Several workers on one port: one server to whoever asks, also while one of them is killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trueup.lifecycle.serving.journal.folder import recover, segments

from ..processes import Asking, Process, journaled, until

pytestmark = pytest.mark.slow

Launch = Callable[..., Process]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Two workers that live as long as these tests."""
    server = Process(tmp_path_factory.mktemp("fleet") / "journal", "--workers", "2")
    yield server
    server.process.kill()
    server.process.communicate()


def workers(server: Process) -> list[int]:
    pid = server.process.pid
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def get(server: Process, path: str) -> tuple[int, str]:
    with server.connect() as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def figure(server: Process, name: str) -> float:
    lines = get(server, "/metrics")[1].splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_all_answer_for_all(fleet: Process) -> None:
    before = figure(fleet, "trueup_predictions_total")
    assert get(fleet, "/v2/health/ready")[0] == 200
    told = {key: fleet.ask(key)[1] for key in map(str, range(8))}
    for _ in range(3):  # on other connections, so on other workers
        assert {key: fleet.ask(key)[1] for key in told} == told
    assert len(journaled(fleet.folder)) == 16, "two rows for each key, whoever was asked"
    asking = Asking(fleet, clients=6)
    until(lambda: len(asking.acknowledged) > 200)
    asking.stop()
    assert len(segments(fleet.folder)) == 2, "each worker has answered, into its own segment"
    assert figure(fleet, "trueup_workers") == 2
    repeated = 3 * 16
    counted = figure(fleet, "trueup_predictions_total") - before
    assert counted == len(asking.acknowledged) + 16 + repeated
    assert figure(fleet, "trueup_swaps_total") == 1


def test_a_key_that_is_used_by_many_at_once_is_answered_once(fleet: Process) -> None:
    from concurrent.futures import ThreadPoolExecutor

    before = len(journaled(fleet.folder))
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: fleet.ask("at-once"), range(24)))
    assert {status for status, _ in replies} == {200}
    assert len({json.dumps(told) for _, told in replies}) == 1
    assert len(journaled(fleet.folder)) == before + 2


def test_kill_9_of_a_worker_loses_nothing_and_the_port_stays(launch: Launch, folder: Path) -> None:
    server = launch("--workers", "2")
    keys = {key: server.ask(key)[1] for key in map(str, range(6))}
    acknowledged: list[str] = []
    for victim in workers(server)[:2]:
        asking = Asking(server, clients=6)
        until(lambda asking=asking: len(asking.acknowledged) > 100)
        os.kill(victim, signal.SIGKILL)
        assert server.ask()[0] == 200, "another one answers"
        time.sleep(0.1)
        asking.stop()
        assert set(asking.statuses) == {200}
        acknowledged += asking.acknowledged
        until(lambda: figure(server, "trueup_workers") == 2)
    assert {key: server.ask(key)[1] for key in keys} == keys
    assert figure(server, "trueup_worker_restarts_total") == 2
    server.process.send_signal(signal.SIGTERM)
    code, err = server.end()
    assert (code, err.count("was ended by SIGKILL; it is replaced")) == (0, 2)
    recover(folder)
    on_record = journaled(folder)
    assert set(acknowledged) <= on_record.keys()
    assert set(on_record.values()) == {1}


def test_what_one_worker_cannot_serve_none_serves(launch: Launch, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    server = launch("--workers", "2", "--gone", str(gone))
    gone.touch()  # from now on release 13 is wanted, whose file worker 1 cannot read
    until(lambda: figure(server, "trueup_load_failures_total") >= 1)
    releases = {server.ask()[1]["parameters"]["release"] for _ in range(8)}
    assert releases == {"1"}
    server.process.send_signal(signal.SIGTERM)
    assert server.end() == (0, "late The file of m@13 is damaged.\n")


def test_swaps_under_load_fail_no_request_and_stopping_finishes_all(
    launch: Launch, folder: Path
) -> None:
    server = launch("--workers", "2", "--flip")
    asking = Asking(server, clients=4)
    until(lambda: len(asking.releases) > 3)
    server.process.send_signal(signal.SIGTERM)
    code, err = server.end()
    asking.stop()
    assert (code, err) == (0, "")
    assert set(asking.statuses) == {200}
    assert all(segment.sealed for segment in segments(folder))
    assert set(asking.acknowledged) <= journaled(folder).keys()


def test_workers_end_when_their_supervisor_is_killed(launch: Launch, folder: Path) -> None:
    server = launch("--workers", "2")
    server.ask()
    left = workers(server)
    server.process.kill()
    server.end()
    until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in left))
    assert [segment.sealed for segment in segments(folder)] == [True]
