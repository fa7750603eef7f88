"""`trueup data`: files to versions and back on the command line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from trueup.app.wiring import open_workspace
from trueup.doors.cli.main import run
from trueup.foundation import digests

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Runs a command in a project with the folder `data/images`: exit code, data, words."""
    root = tmp_path / "project"
    (root / "data/images").mkdir(parents=True)
    (root / "trueup.toml").write_text('[project]\nname = "p"\nobjective = "Try"\n')
    (root / "data/images/a.jpg").write_bytes(b"1")
    monkeypatch.chdir(root)

    def called(*words: str) -> tuple[int, str, str]:
        code = run(["data", *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return called


def decoded(told: tuple[int, str, str]) -> object:
    assert told[0] == 0, told
    return msgspec.json.decode(told[1])


def test_a_folder_goes_through_its_life(call: Call) -> None:
    code, out, err = call("add", "data/images", "-m", "first")
    assert (code, out.split()[0], "1 file" in out) == (0, "data:images@1", True)
    assert "trueup data show data:images@1" in err
    assert "as before" in call("add", "data/images")[1]
    Path("data/images/b.jpg").write_bytes(b"2")
    code, out, err = call("status")
    assert (code, "added    b.jpg" in out, "trueup data add data/images" in err) == (0, True, True)
    assert call("snapshot", "images")[1].startswith("data:images@2")
    assert "images" in call("list")[1]
    Path("data/images").rename("aside")
    assert "trueup data checkout images" in call("status", "images")[2]
    Path("aside").rename("data/images")
    assert "first" in call("log", "images")[1]
    code, out, _ = call("checkout", "images@1")
    assert (code, "1 removed" in out, Path("data/images/b.jpg").exists()) == (0, True, False)
    assert "a.jpg" in call("show", "data:images")[1]
    assert "as they were kept" in call("verify")[1]


def test_branches_and_merges(call: Call) -> None:
    call("add", "data/images")
    assert "data:images@trial" in call("branch", "images", "trial")[1]
    Path("data/images/a.jpg").write_bytes(b"trial")
    call("add", "data/images")
    call("checkout", "images@main")
    Path("data/images/b.jpg").write_bytes(b"main")
    code, _, err = call("merge", "images", "trial")
    assert (code, "dataset-unkept" in err) == (4, True)
    call("add", "data/images")
    code, out, _ = call("merge", "images", "trial")
    assert (code, out.split()[0]) == (0, "data:images@4")
    assert Path("data/images/a.jpg").read_bytes() == b"trial"
    assert Path("data/images/b.jpg").read_bytes() == b"main"
    assert call("branch", "images", "trial", "--delete")[0] == 0
    listed = call("branch", "images")[1]
    assert ("main" in listed, "trial" in listed) == (True, False)


def test_everything_can_be_had_as_json(call: Call) -> None:
    added = decoded(call("add", "data/images", "--json"))
    assert isinstance(added, dict)
    assert (added["name"], added["version"], added["files"], added["rows"]) == (
        "images",
        1,
        1,
        None,
    )
    (status,) = decoded(call("status", "images", "--json"))  # type: ignore[misc]
    assert (status["version"], status["added"]) == (1, [])
    assert decoded(call("checkout", "images", "--json"))["same"] == 1  # type: ignore[index]
    assert len(decoded(call("log", "images", "--json"))) == 1  # type: ignore[arg-type]
    assert decoded(call("branch", "images", "--json")) == [
        {"dataset": "images", "branch": "main", "version": 1}
    ]
    made = decoded(call("branch", "images", "trial", "--json"))
    assert made == {"dataset": "images", "branch": "trial", "version": 1}
    assert decoded(call("verify", "--json"))["broken"] == []  # type: ignore[index]
    found = decoded(call("gc", "--json"))
    assert (found["done"], found["freed"]) == (False, 0)  # type: ignore[index]
    code, out, _ = call("checkout", "imags", "--json")
    problem = msgspec.json.decode(out)
    assert (code, problem["code"], "images" in problem["detail"]) == (3, "dataset-not-found", True)


def test_paths_are_read_from_where_one_stands(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("data")
    assert call("add", "images")[1].startswith("data:images@1")
    assert call("add", "../data/images")[1].startswith("data:images@1")
    code, _, err = call("add", "../../elsewhere")
    assert (code, "dataset-outside" in err) == (2, True)


def test_several_paths_are_several_datasets(call: Call) -> None:
    Path("data/rows.csv").write_text("a\n1\n2\n")
    code, out, _ = call("add", "data/images", "data/rows.csv")
    assert (code, [line.split()[0] for line in out.splitlines()]) == (
        0,
        ["data:images@1", "data:rows@1"],
    )
    assert "2 rows" in out
    assert call("add", "data/images", "data/rows.csv", "--name", "both")[0] == 2


def test_a_dry_run_keeps_nothing(call: Call) -> None:
    code, out, _ = call("add", "data/images", "--dry-run")
    assert (code, "nothing was kept" in out) == (0, True)
    assert call("log", "images")[0] == 3


def test_changed_files_are_safe_and_the_cure_is_named(call: Call) -> None:
    call("add", "data/images")
    Path("data/images/a.jpg").write_bytes(b"2")
    call("add", "data/images")
    Path("data/images/a.jpg").write_bytes(b"mine")
    code, _, err = call("checkout", "images@1")
    assert (code, "a.jpg" in err, "trueup data add data/images" in err) == (4, True, True)
    assert Path("data/images/a.jpg").read_bytes() == b"mine"
    assert "1 file would be written" in call("checkout", "images@1", "--force", "--dry-run")[1]
    assert call("checkout", "images@1", "--force")[0] == 0
    assert Path("data/images/a.jpg").read_bytes() == b"1"


def test_damage_is_named_and_fails(call: Call) -> None:
    Path("data/images/big").write_bytes(b"x" * 100_000)
    call("add", "data/images")
    with open_workspace(Path.cwd()) as workspace:
        blob = workspace.state.blobs.local_path(digests.of_bytes(b"x" * 100_000))
    blob.chmod(0o600)
    blob.write_bytes(b"y" * 100_000)
    code, out, err = call("verify")
    assert (code, "data:images@1" in out, "big" in out, "damaged" in err) == (8, True, True, True)
    problem = msgspec.json.decode(call("verify", "--json")[1])
    assert problem["code"] == "data-damaged"
    assert problem["context"]["broken"][0]["path"] == "big"


def test_gc_only_looks_unless_told(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    call("add", "data/images")
    assert "stays" in call("gc")[1]
    code, _, err = call("gc", "--older-than", "1m")
    assert (code, "gc-too-young" in err) == (2, True)
    code, _, err = call("gc", "--older-than", "soon")
    assert (code, "soon" in err) == (2, True)
    assert call("gc", "--yes")[0] == 0
    assert call("verify")[0] == 0
    monkeypatch.setenv("TRUEUP_BLOBS", f"local://{Path.cwd().parent}/shared")
    code, _, err = call("gc")
    assert (code, "gc-shared-store" in err) == (2, True)


@pytest.mark.slow
def test_an_interrupt_leaves_nothing_half_written(call: Call) -> None:
    for number in range(400):
        Path(f"data/images/{number}").write_bytes(bytes([number % 256]) * 20_000)
    program = (
        "import os, signal, sys\n"
        "from trueup.lifecycle.data.worktree import reading\n"
        "read, seen = reading.Reader.read, []\n"
        "def told(self, group):\n"
        "    seen.append(group)\n"
        "    if len(seen) == 2:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return read(self, group)\n"
        "reading.Reader.read = told\n"
        "from trueup.doors.cli.main import run\n"
        "sys.exit(run(['data', 'add', 'data/images']))\n"
    )
    source = str(Path(__file__).parents[3] / "src")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": source, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert call("log", "images")[0] == 3
    assert call("add", "data/images")[0] == 0
    shutil.rmtree("data/images")
    assert call("checkout", "images")[0] == 0
    assert len(list(Path("data/images").iterdir())) == 401


def test_a_name_that_a_terminal_would_obey_is_only_seen(call: Call) -> None:
    call("add", "data/images")
    name = "\x1b]0;mine\x07\x1b[2Ja\nb"
    Path("data/images", name).write_bytes(b"2")
    assert "␛]0;mine␇␛[2Ja␊b" in call("status", "images")[1]
    call("add", "data/images")
    assert "␛[2Ja␊b" in call("show", "images")[1]
    Path("data/images", name).write_bytes(b"3")
    code, out, err = call("checkout", "images")
    assert (code, "\x1b" in out + err, "␛[2Ja" in err) == (4, False, True)
    assert name in decoded(call("status", "images", "--json"))[0]["changed"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "code"), [("", 2), ("z" * 5000, 2), ("z/" * 2500, 2), ("loop", 2), ("loop/a", 2)]
)
def test_a_path_that_leads_nowhere_is_refused(call: Call, path: str, code: int) -> None:
    Path("loop").symlink_to("loop")
    ran = call("add", path)
    assert (ran[0], ran[1]) == (code, "")
    assert "explain internal" not in ran[2]


@pytest.mark.slow
def test_a_full_disk_is_an_error_and_nothing_is_half_kept(call: Call) -> None:
    Path("data/images/big").write_bytes(b"x" * 3_000_000)
    code, err = within(1_000_000, "add", "data/images")
    assert (code, "Traceback" in err, "blob-not-written" in err) == (8, False, True)
    assert call("log", "images")[0] == 3
    assert call("add", "data/images")[0] == 0
    Path("data/images/big").unlink()
    code, err = within(1_000_000, "checkout", "images")
    assert (code, "Traceback" in err) == (8, False)
    assert not Path("data/images/big").exists()
    assert call("checkout", "images")[0] == 0
    assert Path("data/images/big").stat().st_size == 3_000_000
    assert len(list(Path("data/images").iterdir())) == 2


def within(limit: int, *words: str) -> tuple[int, str]:
    """A command in a process that may write no file beyond a size: as on a full disk."""
    program = (
        "import resource, sys\n"
        "from trueup.doors.cli.main import run\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        f"sys.exit(run({['data', *words]!r}))\n"
    )
    source = str(Path(__file__).parents[3] / "src")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": source, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_versions_are_forgotten_by_a_rule_and_remembered(call: Call) -> None:
    for text in ("1", "2", "3"):
        Path("data/images/a.jpg").write_text(text)
        call("add", "data/images")
    code, out, err = call("forget", "images", "--keep-last", "2")
    assert (code, out.count("stays"), out.count("goes"), "--yes" in err) == (0, 2, 1, True)
    assert call("forget", "--keep-days", "0", "--keep-last", "2", "-m", "old", "--yes")[0] == 0
    assert "forgotten" in call("log", "images")[1]
    code, out, err = call("show", "images@1")
    assert (code, "images@1" in out, "--undo" in err) == (0, True, True)
    code, _, err = call("checkout", "images@1")
    assert (code, "was forgotten on" in err, "by" in err) == (3, True, True)
    assert call("diff", "images@1", "images@2")[0] == 3
    assert call("forget", "images@1", "--undo")[0] == 0
    assert call("checkout", "images@1")[0] == 0
    code, _, err = call("forget", "images@3")
    assert (code, "it is the newest of branch 'main'" in err) == (4, True)


def test_the_whole_project_is_no_dataset_by_accident(call: Call) -> None:
    code, _, err = call("add", ".")
    assert (code, "is the whole project" in err, "--name NAME" in err) == (2, True, True)


@pytest.mark.parametrize("rule", [("--keep-last", "3"), ("--deleted",)])
def test_runs_are_forgotten_by_a_rule(
    call: Call, capsys: pytest.CaptureFixture[str], rule: tuple[str, ...]
) -> None:
    call("add", "data/images")
    assert run(["runs", "forget", *rule]) == 0
    assert "trueup data gc --dry-run" in capsys.readouterr().err
    assert run(["runs", "forget", "--remote", "team", "--deleted"]) == 2


def test_who_begins_to_keep_what_git_keeps_is_told_once_how_to_leave_it_out(call: Call) -> None:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    Path(".gitignore").write_text("/.trueup/\n")
    git("add", "data")
    Path("data/rows of may.csv").write_text("a\n1\n")
    for path in ("data/images", "data/rows of may.csv"):
        _, _, words = call("add", path)
        cure = next(line for line in words.splitlines() if ".gitignore" in line)
        subprocess.run(["sh", "-c", cure.removeprefix("next: ")], check=True)
        assert git("ls-files", "--others", "--cached", "--exclude-standard", path) == ""
    assert Path("data/images/a.jpg").exists()
    Path("data/images/a.jpg").write_bytes(b"2")
    assert ".gitignore" not in call("add", "data/images")[2]
