"""The path of a new user: what `trueup init` writes goes through the whole life as it is."""

from __future__ import annotations

import re
import signal
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from .conftest import HERE

READING = [
    "status",
    "plan show",
    "plan check",
    "data list",
    "data show lumps",
    "runs list",
    "model list",
    "model show lumps@champion",
    "model history lumps",
    "model history lumps@1",
    "deployment list",
    "deployment show clinic",
    "prediction list",
    "monitor status",
    "alert list",
    "approve --list",
    "people list",
    "audit log",
    "audit verify",
    "why lumps@1",
    "why release:clinic@1",
    "why deployment:clinic",
    "why plan:1",
    "why goal:ranking",
    "why data:lumps@1",
    "check lumps@1",
    "run --dry-run",
    "explain-cache train",
    "explain",
    "doctor",
]


@pytest.mark.parametrize("line", READING)
def test_what_can_be_read_can_be_read_as_json(line: str, lived: Path, trueup: Any) -> None:
    answer = trueup(*line.split(), "--json")
    assert answer.code == 0, answer.err
    msgspec.json.decode(answer.out)


@pytest.mark.parametrize("line", READING)
def test_words_go_to_stderr_and_end_with_the_next_command(
    line: str, lived: Path, trueup: Any
) -> None:
    answer = trueup(*line.split())
    assert answer.code == 0, answer.err
    assert answer.out or "alert" in line or "approve" in line
    assert "next: trueup " in answer.err or line == "doctor"
    assert "\x1b" not in answer.out + answer.err


def test_a_pipe_gets_whole_lines(lived: Path, trueup: Any) -> None:
    (row,) = trueup("audit", "log", "--limit", "1").out.splitlines()[1:]
    assert row.split()[0].isdecimal()


@pytest.mark.parametrize("columns", ["80", "120"])
def test_a_terminal_gets_lines_of_its_width(
    columns: str, lived: Path, trueup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for line in ("status", "plan show", "why lumps@1", "check lumps@1", "audit log", "runs list"):
        out = trueup(*line.split()).out
        assert max(map(len, out.splitlines())) <= int(columns), line
    listed = trueup("prediction", "list").out
    assert re.search(r"^[0-9a-f]{32}-1 ", listed, re.MULTILINE), "an id must stay whole"


def test_a_run_says_what_it_did_and_reuses_what_did_not_change(lived: Path, trueup: Any) -> None:
    again = trueup("run", "-p", "strength=0.1")
    assert again.code == 0
    assert "1 step ran, 1 reused" in again.err
    assert "new version  lumps@2" in again.out
    assert "next: trueup check lumps@2" in again.err


def test_a_gate_that_fails_ends_with_6(lived: Path, trueup: Any) -> None:
    plan = Path("trueup.toml")
    plan.write_text(plan.read_text().replace("at_least = 0.90", "at_least = 0.9999"))
    assert "trueup.toml differs from plan 1" in trueup("status").out
    assert "trueup plan adopt" in trueup("run", "--allow-dirty").err
    assert trueup("plan", "adopt").code == 0
    failed = trueup("check", "lumps@1")
    assert failed.code == 6
    assert "failed" in failed.out
    assert "cannot be released" in failed.err
    assert trueup("check", "lumps@1", "--json").data["statement"]["outcome"] == "FAILED"
    refused = trueup("release", "propose", "lumps@1", "--to", "clinic")
    assert (refused.code, "gate-failed" in refused.err) == (6, True)


def test_a_second_version_is_a_canary_and_can_be_undone(lived: Path, trueup: Any) -> None:
    assert trueup("run", "-p", "strength=0.9", *HERE).code == 0
    assert trueup("check", "lumps").code == 0
    asked = trueup("release", "propose", "lumps@2", "--why", "better")
    (hint,) = re.findall(r"next: (trueup approve .*)", asked.err)
    own = trueup(*hint.split()[1:3])
    assert (own.code, "nobody approves their own request" in own.err) == (5, True)
    assert "lumps@2" in trueup("approve", "--list").out
    assert trueup(*hint.split()[1:]).code == 0
    assert "25% of the traffic" in trueup("deployment", "list").out.replace(
        "lumps@2 25%", "25% of the traffic"
    )
    back = trueup("rollback", "clinic", "--why", "just to see")
    assert (back.code, "lumps@1" in back.out) == (0, True)
    assert "rolled back" in trueup("deployment", "show", "clinic").out
    nothing = trueup("rollback", "clinic")
    assert (nothing.code, "nothing-to-return-to" in nothing.err) == (4, True)


def test_a_rejected_release_ends(lived: Path, trueup: Any) -> None:
    assert trueup("run", "-p", "strength=0.9", *HERE).code == 0
    assert trueup("check", "lumps").code == 0
    assert trueup("release", "propose", "lumps@2").code == 0
    assert trueup("approve", "--as", "rita", "--reject", "--reason", "not now").code == 0
    assert "rejected" in trueup("deployment", "show", "clinic").out


def test_a_waiting_release_can_be_withdrawn(lived: Path, trueup: Any) -> None:
    assert trueup("run", "-p", "strength=0.9", *HERE).code == 0
    assert trueup("check", "lumps").code == 0
    assert trueup("release", "propose", "lumps@2").code == 0
    assert trueup("release", "withdraw", "clinic").code == 0
    assert "withdrawn" in trueup("deployment", "show", "clinic").out


def test_a_canary_can_be_promoted_by_hand(lived: Path, trueup: Any) -> None:
    assert trueup("run", "-p", "strength=0.9", *HERE).code == 0
    for line in ("check lumps", "release propose lumps@2", "approve --as rita"):
        assert trueup(*line.split()).code == 0
    assert trueup("release", "promote", "clinic", "--why", "seen enough").code == 0
    assert "champion = lumps@2" in trueup("model", "list").out


def test_a_solo_project_asks_nobody(lived: Path, trueup: Any) -> None:
    plan = Path("trueup.toml")
    plan.write_text(plan.read_text().replace('template = "team"', 'template = "solo"'))
    assert trueup("plan", "adopt").code == 0
    assert trueup("run", "--allow-dirty", "-p", "strength=0.9", *HERE).code == 0
    assert trueup("check", "lumps").code == 0
    released = trueup("release", "propose", "lumps@2", "--strategy", "all-at-once")
    assert (released.code, "live" in released.out) == (0, True)


def test_a_label_is_recorded_with_its_prediction(lived: Path, trueup: Any) -> None:
    prediction = trueup("prediction", "list", "--json").data[0]["id"]
    assert trueup("prediction", "label", prediction, "1").code == 0
    shown = trueup("prediction", "show", f"prediction:{prediction}", "--json").data
    assert shown["label"]["value"] == 1
    denied = trueup("prediction", "label", prediction, "0", "--as", "rita")
    assert (denied.code, "permission-denied" in denied.err) == (5, True)


def test_why_walks_from_a_prediction_to_the_people(lived: Path, trueup: Any) -> None:
    prediction = trueup("prediction", "list", "--json").data[0]["id"]
    tree = trueup("why", f"prediction:{prediction}").out
    for part in ("radius 0.25", "lumps@1", "data:lumps@1", "verdict:", "goal:ranking", "rita"):
        assert part in tree
    assert "digest" not in trueup("why", f"prediction:{prediction}", "--no-facts").out


def test_answers_that_a_version_never_gave_are_found_by_replay(lived: Path, trueup: Any) -> None:
    found = trueup("check", "replay", "clinic", "--against", "lumps@1")  # written by hand, here
    assert (found.code, "its own 2 logged answers do not come again" in found.out) == (6, True)
    assert trueup("check", "replay", "clinc", "--against", "lumps@1").code == 3


@pytest.mark.slow
def test_the_server_answers_records_and_stops_when_told(
    lived: Path, trueup: Any, process: Callable[..., subprocess.Popen[str]]
) -> None:
    for command in ("serve", "up"):
        server = process(lived, command, "--port", "0")
        assert server.stdout is not None
        url = msgspec.json.decode(server.stdout.readline())["listening"]
        names = ("radius", "texture", "smoothness", "concavity", "symmetry")
        inputs = [{"name": n, "shape": [1], "datatype": "FP64", "data": [15.0]} for n in names]
        request = urllib.request.Request(
            f"{url}/v2/models/clinic/infer",
            data=msgspec.json.encode({"inputs": inputs}),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as reply:
            answered = msgspec.json.decode(reply.read())
        if command == "serve":
            said = trueup("check", "service", url, "--model", "clinic", "--against", "lumps@1")
            assert said.code == 0, said.out + said.err
            rows = Path("rows.csv")
            rows.write_text(",".join(names) + "\n15.0,15.0,0.1,0.1,0.2\n")
            service = ("check", "service", f"{url}/v2/models/clinic")
            kept = trueup(*service, "--rows", str(rows), "--record", "golden.json", "--json")
            assert kept.data == {"file": "golden.json", "rows": 1, "tolerance": 1e-6}
            held = trueup(*service, "--golden", "golden.json", "--junit", "service.xml", "--json")
            assert [found["outcome"] for found in held.data] == ["passed", "passed"]
            assert 'name="row 1"' in Path("service.xml").read_text()
        if command == "up":
            with urllib.request.urlopen(url, timeout=120) as page:
                assert "<html" in page.read().decode()
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=120)
        assert server.returncode == 0, said
        assert "Traceback" not in said
        assert "answered and recorded" in said
        ids = next(o["data"] for o in answered["outputs"] if o["name"] == "prediction_id")
        assert trueup("prediction", "show", ids[0]).code == 0
