"""A laptop's spool: logged here at once, sent to its server in order, each thing once.

The server is a real one, started when the test says that the network is back.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from trueup.app.running.spooling import send, standing
from trueup.app.wiring import Workspace, open_workspace
from trueup.doors.mlflow.application import guarded
from trueup.doors.mlflow.spooling import Spooling
from trueup.foundation.errors import BackendError, UsageError
from trueup.lifecycle.runs.tracking.spool.replaying import Alone, Replay
from trueup.lifecycle.runs.tracking.spool.store import Spool

PLAN = '[project]\nname = "laptop"\nobjective = "Log on the train"\n'
AWAY = "http://127.0.0.1:9"
API = "http://localhost/api/2.0/mlflow"
# One span of OpenTelemetry's: trace ttt…, span sss…, called "whole".
SPANS = b"\n'\x12%\x12#\n\x10" + b"t" * 16 + b"\x12\x08" + b"s" * 8 + b"*\x05whole"


@pytest.fixture
def workspace(home: Path) -> Iterator[Workspace]:
    """A laptop's project."""
    (home.parent / "trueup.toml").write_text(PLAN)
    with open_workspace(home.parent) as opened:
        opened.__dict__["owner"] = opened.people.found("olga")
        yield opened


class Laptop:
    """A client of MLflow's beside a spool."""

    def __init__(self, workspace: Workspace, target: str) -> None:
        self.workspace = workspace
        self.spool = Spool(workspace.settings.home, target)
        app = Spooling(guarded(workspace), workspace, self.spool)
        self._transport = httpx.ASGITransport(app=app)

    def close(self) -> None:
        """Close the spool."""
        self.spool.close()

    def ask(self, method: str, path: str, /, **more: Any) -> dict[str, Any]:
        """One request, which must be answered at once."""

        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport) as client:
                return await client.request(method, f"{API}{path}", **more)

        reply = asyncio.run(asked())
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json() if reply.content else {}
        return found

    def put(self, path: str, raw: bytes) -> None:
        """Keep a file."""
        self.ask("PUT", f"-artifacts/artifacts/{path}", content=raw)

    def train(self) -> str:
        """Log a little of everything; the identifier of the run."""
        group = self.ask("POST", "/experiments/create", json={"name": "train"})["experiment_id"]
        started = {"experiment_id": group, "start_time": 1000, "run_name": "first"}
        run: str = self.ask("POST", "/runs/create", json=started)["run"]["info"]["run_id"]
        points = [{"key": "loss", "value": 1 / n, "timestamp": n, "step": n} for n in range(1, 6)]
        batch = {"run_id": run, "metrics": points, "params": [{"key": "lr", "value": "0.1"}]}
        self.ask("POST", "/runs/log-batch", json=batch)
        self.put(f"{group}/{run}/artifacts/notes/a.txt", b"hello")
        made = {"experiment_id": group, "name": "model", "source_run_id": run}
        model = self.ask("POST", "/logged-models", json=made)["model"]["info"]["model_id"]
        self.put(f"{group}/models/{model}/artifacts/MLmodel", b"flavors: {}")
        ready = {"status": "LOGGED_MODEL_READY"}
        self.ask("PATCH", f"/logged-models/{model}", json=ready)
        self.ask("POST", "/registered-models/create", json={"name": "flights"})
        version = {"name": "flights", "source": f"models:/{model}", "model_id": model}
        self.ask("POST", "/model-versions/create", json=version)
        alias = {"name": "flights", "alias": "best", "version": "1"}
        self.ask("POST", "/registered-models/alias", json=alias)
        self.ask("POST", "/runs/update", json={"run_id": run, "status": "FINISHED"})
        return run

    def trace(self) -> str:
        """Trace a call as both clients do, and judge it; the identifier of the newer trace."""
        group = self.ask("POST", "/experiments/create", json={"name": "traced"})["experiment_id"]
        old = {"experiment_id": group, "timestamp_ms": 1}
        begun = self.ask("POST", "/traces", json=old)["trace_info"]["request_id"]
        self.ask("PATCH", f"/traces/{begun}", json={"timestamp_ms": 3, "status": "OK"})
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": group}}
        info = {"trace_id": f"tr-{(b't' * 16).hex()}", "trace_location": place, "state": "OK"}
        v3 = "/../../3.0/mlflow/traces"
        self.ask("POST", v3, json={"trace": {"trace_info": info}})
        headers = {"content-type": "application/x-protobuf", "x-mlflow-experiment-id": group}
        self.ask("POST", "/../../../v1/traces", content=SPANS, headers=headers)
        said = {"assessment_name": "good", "feedback": {"value": True}}
        path = f"{v3}/{info['trace_id']}/assessments"
        made = self.ask("POST", path, json={"assessment": said})["assessment"]["assessment_id"]
        changed = {"assessment": {"rationale": "as asked"}, "update_mask": "rationale"}
        self.ask("PATCH", f"{path}/{made}", json=changed)
        return str(info["trace_id"])


def test_what_is_read_does_not_wait(workspace: Workspace) -> None:
    laptop = Laptop(workspace, AWAY)
    laptop.ask("GET", "/experiments/search", params={"max_results": 10})
    laptop.ask("POST", "/runs/search", json={"experiment_ids": ["0"]})
    assert standing(workspace).waiting == 0


def test_what_is_refused_here_does_not_wait(workspace: Workspace) -> None:
    laptop = Laptop(workspace, AWAY)
    with pytest.raises(AssertionError, match="RESOURCE_DOES_NOT_EXIST"):
        laptop.ask("POST", "/runs/create", json={"experiment_id": "77"})
    assert standing(workspace).waiting == 0


def test_while_the_server_is_away_all_waits_in_order(workspace: Workspace) -> None:
    laptop = Laptop(workspace, AWAY)
    run = laptop.train()
    assert workspace.tracking.show(workspace.owner, run).state == "finished"
    with pytest.raises(BackendError) as refused:
        send(workspace)
    assert refused.value.code == "spool-target-away"
    found = standing(workspace)
    assert (found.waiting, found.sent, found.refused) == (11, 0, ())
    assert "cannot be reached" in found.problem
    first = laptop.spool.first()
    assert first is not None
    assert first.path.endswith("/experiments/create")


def test_a_spool_has_one_server(workspace: Workspace) -> None:
    Laptop(workspace, AWAY).train()
    with pytest.raises(UsageError) as refused:
        Spool(workspace.settings.home, "http://127.0.0.1:10")
    assert refused.value.code == "spool-for-another"


def test_only_one_process_sends(workspace: Workspace) -> None:
    alone = Alone(workspace.settings.home)
    with pytest.raises(BackendError) as refused:
        send(workspace)
    assert refused.value.code == "spool-busy"
    alone.close()
    assert send(workspace) == 0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a real server of a project of its own."""
    place = tmp_path / "server"
    place.mkdir()
    (place / "trueup.toml").write_text(PLAN)
    command = [sys.executable, "-m", "trueup", "up", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--until-stdin-closes"],
        cwd=place,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield msgspec.json.decode(process.stdout.readline())["listening"]
        process.stdin.close()


@pytest.mark.slow
def test_a_server_of_ours_gets_all_of_it_once_with_its_identifiers(
    workspace: Workspace, server: str
) -> None:
    laptop = Laptop(workspace, server)
    run = laptop.train()
    send_interrupted(laptop)
    assert standing(workspace).refused == ()
    with httpx.Client(base_url=f"{server}/api/2.0/mlflow", trust_env=False) as client:
        reply = client.get("/runs/get", params={"run_id": run}).json()
        assert "run" in reply, reply
        shown = reply["run"]
        assert shown["info"]["status"] == "FINISHED"
        assert shown["data"]["params"] == [{"key": "lr", "value": "0.1"}]
        path = "/metrics/get-history"
        given = {"run_id": run, "metric_key": "loss"}
        points = client.get(path, params=given).json()["metrics"]
        assert [point["step"] for point in points] == [1, 2, 3, 4, 5]
        listed = client.get("/artifacts/list", params={"run_id": run, "path": "notes"}).json()
        assert [file["path"] for file in listed["files"]] == ["notes/a.txt"]
        group = shown["info"]["experiment_id"]
        both = {"experiment_ids": [group]}
        assert len(client.post("/runs/search", json=both).json()["runs"]) == 1
        assert len(client.post("/logged-models/search", json=both).json()["models"]) == 1
        versions = client.get("/model-versions/search").json()["model_versions"]
        assert [(each["version"], each["aliases"]) for each in versions] == [("1", ["best"])]


class _OneStep:
    """Stops after one request."""

    def __init__(self) -> None:
        self._asked = 0

    def is_set(self) -> bool:
        self._asked += 1
        return self._asked > 1


def send_one(laptop: Laptop) -> None:
    """Send the oldest request."""
    files, olga = laptop.workspace.files, laptop.workspace.owner
    replay = Replay(laptop.spool, lambda path: files.content(olga, path).pieces())
    replay.send(_OneStep())  # type: ignore[arg-type]
    replay.close()


@pytest.mark.slow
def test_traces_come_with_their_spans_and_what_is_said_of_them(
    workspace: Workspace, server: str
) -> None:
    laptop = Laptop(workspace, server)
    with httpx.Client(base_url=f"{server}/api", trust_env=False) as client:
        # The server counts its experiments otherwise.
        client.post("/2.0/mlflow/experiments/create", json={"name": "another"})
        trace = laptop.trace()
        send_interrupted(laptop)
        assert standing(workspace).refused == ()
        named = client.get("/2.0/mlflow/experiments/get-by-name?experiment_name=traced").json()
        group = named["experiment"]["experiment_id"]
        assert group == "2"
        listed = client.get(f"/2.0/mlflow/traces?experiment_ids={group}").json()["traces"]
        assert [each["status"] for each in listed] == ["OK", "OK"]
        (found,) = client.get(f"/3.0/mlflow/traces/batchGet?trace_ids={trace}").json()["traces"]
        assert [span["name"] for span in found["spans"]] == ["whole"]
        (said,) = found["trace_info"]["assessments"]
        assert (said["feedback"]["value"], said["rationale"]) == (True, "as asked")


def send_interrupted(laptop: Laptop) -> None:
    """Send all, as if killed after every second request, when the server had it, nobody knew."""
    do = laptop.spool._do
    while (entry := laptop.spool.first()) is not None:
        row = do("SELECT * FROM entries WHERE seq = ?", (entry.seq,))[0]
        places = do("SELECT * FROM places")
        send_one(laptop)
        if entry.tries == 0 and entry.seq % 2:
            do("DELETE FROM places")
            for place in places:
                do("INSERT INTO places VALUES (?, ?, ?)", place)
            do("DELETE FROM entries WHERE seq = ?", (entry.seq,))
            do(f"INSERT INTO entries VALUES ({', '.join('?' * len(row))})", row)
            laptop.spool.trying(entry)
