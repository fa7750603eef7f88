"""Whatever is wrong, there is one clear error: the thing, the cause, the value, and the cure."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from .conftest import HERE


def change(file: str, old: str, new: str) -> None:
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new, 1))


def error_of(answer: Any, code: str) -> str:
    """The message of a clear error of that code: no trace, nothing on stdout, a hint."""
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert f"more: trueup explain {code}\n" in answer.err, answer.err
    assert "hint: " in answer.err
    said: str = answer.err
    return said


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("metric =", "metrik =", "config-unknown-key", ["line 11", "'metrik'", "'metric'"]),
        ("at_least = 0.6", 'at_least = "high"', "config-wrong-value", ["line 12", "'high'"]),
        ('watch = { window = "7d" }', "", "plan-unsound", ["'right'", "no watch"]),
        ('"roc_auc"', '"roc_auk"', "metric-unknown", ["'right'", "'roc_auk'", "'roc_auc'"]),
        ('"7d"', '"7 days"', "plan-unsound", ["'7 days'", "watch.window", "'right'"]),
        ('name = "small"', "name = small", "config-syntax", ["line 2"]),
        ('["reviewer"]', '["boss"]', "config-wrong-value", ["'boss'"]),
    ],
)
def test_a_wrong_plan_is_named_with_its_line_and_value(
    old: str, new: str, code: str, says: list[str], project: Path, trueup: Any
) -> None:
    change("trueup.toml", old, new)
    for line in ("plan check", "plan adopt", "run --allow-dirty"):
        answer = trueup(*line.split())
        said = error_of(answer, code)
        assert answer.code == 2
        assert [part for part in says if part not in said] == []
    assert trueup("plan", "show", "--json").data["version"] == 1


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ('"data/rows.csv"', '"../rows.csv"', "dataset-outside", ["'../rows.csv'"]),
        ('"data/rows.csv"', '"data/none.csv"', "dataset-empty", ["'data/none.csv'"]),
        ("[datasets.rows]", "[datasets.others]", "dataset-unknown", ["'rows'", "others"]),
    ],
)
def test_data_that_is_not_there_is_named(
    old: str, new: str, code: str, says: list[str], project: Path, trueup: Any
) -> None:
    change("trueup.toml", old, new)
    assert trueup("plan", "adopt").code == 0
    answer = trueup("run", "--allow-dirty")
    said = error_of(answer, code)
    assert answer.code in (2, 3)
    assert [part for part in says if part not in said] == []


def test_the_plan_can_be_checked_without_side_effects(fresh: Path, trueup: Any) -> None:
    assert trueup("plan", "check").code == 0
    change("trueup.toml", "metric =", "metrik =")
    assert trueup("plan", "check").code == 2
    assert not (fresh / ".trueup").exists()


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("    count(data", "    counting()\n    count(data", "pipeline-cycle", ["'counting'"]),
        ('count(data("rows"))', "count()", "pipeline-argument", ["'rows'", "counting.py:11"]),
        ('data("rows")', 'data("rwos")', "dataset-unknown", ["'rwos'", "Did you mean 'rows'?"]),
        ("rows.height", "rows.heigth", "step-failed", ["AttributeError", "counting.py:6"]),
        ("times: int = 1", "times: int", "pipeline-parameter", ["'times'"]),
        ("from trueup", "from truup", "pipeline-import-failed", ["truup"]),
        ("@pipeline", "@pipeline(", "pipeline-import-failed", ["SyntaxError"]),
    ],
)
def test_a_wrong_pipeline_is_named_with_its_line(
    old: str, new: str, code: str, says: list[str], project: Path, trueup: Any
) -> None:
    change("pipelines/counting.py", old, new)
    answer = trueup("run", "--allow-dirty")
    said = error_of(answer, code)
    assert [part for part in says if part not in said] == []
    assert "site-packages" not in said


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("times=two", "pipeline-parameter"),
        ("tmies=2", "pipeline-parameter"),
        ("times", "parameter-malformed"),
        ("=2", "parameter-malformed"),
    ],
)
def test_a_wrong_parameter_starts_nothing(
    given: str, code: str, project: Path, trueup: Any
) -> None:
    assert trueup("run", "-p", given).code == 2
    assert trueup("runs", "list", "--json").data["runs"] == []
    error_of(trueup("run", "-p", given), code)


def test_a_pipeline_that_is_not_there_gets_the_near_name(project: Path, trueup: Any) -> None:
    answer = trueup("run", "countin")
    assert answer.code == 3
    assert "Did you mean 'counting'?" in error_of(answer, "pipeline-not-found")


def test_without_git_a_run_says_how_to_begin(project: Path, trueup: Any) -> None:
    shutil.rmtree(project / ".git")
    answer = trueup("run")
    assert answer.code == 2
    assert "init" in error_of(answer, "git-no-repository")


def test_without_a_commit_a_run_says_how_to_make_one(project: Path, trueup: Any) -> None:
    shutil.rmtree(project / ".git")
    subprocess.run(["git", "init", "--quiet"], check=True)
    assert "commit" in error_of(trueup("run"), "git-no-commits")


def test_a_dirty_tree_is_refused_with_both_cures(project: Path, trueup: Any) -> None:
    change("data/rows.csv", "3,1", "3,0")  # data has versions of its own
    change("pipelines/counting.py", "    return {", "    # as it was\n    return {")
    answer = trueup("run")
    said = error_of(answer, "git-dirty")
    assert answer.code == 2
    assert "error: pipelines/counting.py differ" in said
    assert "git commit" in said
    assert "--allow-dirty" in said
    assert trueup("run", "--allow-dirty", *HERE).code == 0
    assert trueup("runs", "list", "--json").data["runs"][0]["dirty"] is True


def test_outside_a_project_every_command_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trueup: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in ("status", "run", "plan show", "why lumps@1", "audit log", "serve"):
        answer = trueup(*line.split())
        assert answer.code == 3
        assert "hint: trueup init\n" in error_of(answer, "project-not-found")


def test_a_folder_that_cannot_be_written_is_named(fresh: Path, trueup: Any) -> None:
    (fresh / ".trueup").write_text("a file where the folder should be")
    answer = trueup("run")
    assert answer.code == 8
    assert str(fresh / ".trueup") in error_of(answer, "folder-not-writable")


def test_a_broken_database_is_named_with_the_way_out(project: Path, trueup: Any) -> None:
    for path in (project / ".trueup").glob("trueup.db*"):
        path.unlink()
    (project / ".trueup" / "trueup.db").write_bytes(b"this is no database" * 1000)
    answer = trueup("status")
    said = error_of(answer, "database-damaged")
    assert answer.code == 8
    assert "mv '" in said


def test_a_port_in_use_is_named(project: Path, trueup: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for command in ("serve", "up"):
            answer = trueup(command, "--port", port)
            assert answer.code == 2
            assert port in error_of(answer, "port-in-use")


@pytest.mark.parametrize(
    "line",
    [
        "why ???",
        "why a@b@c",
        "why rnu:abc",
        "why event:5",
        "why prediction:zzz",
        "why run:zzzzzzzz",
        "check run:abc",
        "check nothing@1",
        "check small@latest",
        "release propose small --to nowhere",
        "release propose small",
        "rollback nowhere",
        "rollback small@1",
        "runs show alert:abc",
        "runs show ../../etc/passwd",
        "model show small@99999999999999999999999",
        "data show rows@b3:0",
        "data snapshot nothing",
        "deployment show dseks",
        "release promote desk",
        "release withdraw desk",
        "alert show nothing",
        "alert ack nothing",
        "approve nothing",
        "approve",
        "prediction show 12",
        "prediction label 12 1",
        "prediction label 12 2",
        "monitor run nowhere",
        "monitor run --at yesterday",
        "status --as nobody",
        "run --as nobody",
        "plan adopt --as nobody",
        "explain nothing-like-it",
        "serve --port 99999",
    ],
)
def test_garbage_is_answered_with_one_clear_error(line: str, project: Path, trueup: Any) -> None:
    answer = trueup(*line.split())
    assert 2 <= answer.code <= 6, answer.err
    assert answer.err.startswith("error: ")
    assert "hint: " in answer.err
    assert "more: trueup explain " in answer.err
    as_json = trueup(*line.split(), "--json")
    assert msgspec.json.decode(as_json.out)["hint"]


@pytest.mark.slow
def test_ctrl_c_marks_the_run_and_the_next_one_goes_on(
    project: Path, trueup: Any, process: Callable[..., subprocess.Popen[str]]
) -> None:
    change("pipelines/counting.py", "    return {", "    import time; time.sleep(60)\n    return {")
    change(
        "pipelines/counting.py",
        "@step\n",
        "@step\ndef quick(rows) -> dict[str, float]:\n    return {'quick': 1.0}\n\n\n@step\n",
    )
    change("pipelines/counting.py", "    count(data", '    quick(data("rows"))\n    count(data')
    running = process(project, "run", "--allow-dirty")
    assert running.stderr is not None
    while "quick" not in (line := running.stderr.readline()):
        assert line, "it ended early"
    time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "Stopped." in said
    assert "Traceback" not in said
    (run,) = trueup("runs", "list", "--json").data["runs"]
    assert run["state"] == "interrupted"
    change("pipelines/counting.py", "    import time; time.sleep(60)\n", "")
    again = trueup("run", "--allow-dirty")
    assert again.code == 0
    assert "1 reused" in again.err
