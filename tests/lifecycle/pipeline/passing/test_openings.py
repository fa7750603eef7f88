"""What a step opens by itself counts like an input; where that cannot be known, it says so."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from trueup import step
from trueup.foundation import digests
from trueup.lifecycle.data.worktree import statcache
from trueup.lifecycle.pipeline.passing import openings
from trueup.lifecycle.pipeline.passing.openings import ABSENT, Openings


@pytest.fixture
def opened(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Openings]:
    """What a step that does this opens, in a project with a few files."""
    monkeypatch.chdir(bench.root)
    bench.write("rates.json", '{"a": 1}')
    bench.write("parts/1.csv", "a\n1\n")
    bench.write("parts/2.csv", "a\n2\n")
    pl.DataFrame({"a": [1]}).write_parquet(bench.root / "rows.parquet")

    def performed(act: Callable[[], Any]) -> Openings:
        @step
        def look() -> int:
            act()
            return 1

        found: Openings = bench.performed(look).opened
        return found

    return performed


@pytest.mark.parametrize(
    "act",
    [
        lambda: Path("rates.json").read_text(),
        lambda: open("./parts/../rates.json").close(),  # noqa: PTH123
        lambda: os.close(os.open("rates.json", os.O_RDONLY)),
        lambda: pd.read_json("rates.json", typ="series"),
        lambda: pl.read_json("rates.json"),
    ],
)
def test_a_file_of_the_project_is_named_with_its_digest(opened: Any, bench: Any, act: Any) -> None:
    assert opened(act) == Openings({"rates.json": digests.of_file(bench.root / "rates.json")})


@pytest.mark.parametrize(
    "act",
    [
        lambda: pl.read_csv("parts/1.csv"),
        lambda: pl.scan_csv(Path("parts") / "1.csv").collect(),
        lambda: pl.read_csv(Path("parts/1.csv").resolve()),
    ],
)
def test_polars_is_seen_although_it_opens_files_without_python(opened: Any, act: Any) -> None:
    assert list(opened(act).read) == ["parts/1.csv"]


def test_polars_is_seen_with_its_other_formats(opened: Any) -> None:
    assert list(opened(lambda: pl.read_parquet("rows.parquet")).read) == ["rows.parquet"]
    assert list(opened(lambda: pl.scan_parquet("rows.parquet").collect()).read) == ["rows.parquet"]


def test_a_folder_that_is_listed_counts_with_the_names_in_it(opened: Any, bench: Any) -> None:
    def act() -> int:
        return sum(len(path.read_text()) for path in Path("parts").glob("*.csv"))

    before = opened(act).read
    assert list(before) == ["parts/", "parts/1.csv", "parts/2.csv"]
    bench.write("parts/3.csv", "a\n3\n")
    current = openings.now(bench.root, before)
    assert openings.changes(before, current) == ("folder parts/, which it opens, changed",)


def test_a_file_that_is_looked_for_and_missing_counts_as_absent(opened: Any, bench: Any) -> None:
    def act() -> None:
        with pytest.raises(FileNotFoundError):
            Path("local.toml").read_text()

    before = opened(act).read
    assert before == {"local.toml": ABSENT}
    assert openings.changes(before, openings.now(bench.root, before)) == ()
    bench.write("local.toml", "x = 1")
    assert openings.changes(before, openings.now(bench.root, before)) == (
        "file local.toml, which it opens, changed",
    )


@pytest.mark.parametrize(
    "act",
    [
        lambda: subprocess.check_output(["cat", "rates.json"]),
        lambda: subprocess.check_output(["echo", "--config=rates.json"]),
        lambda: subprocess.check_output(["cat", "../rates.json"], cwd="parts"),
        lambda: subprocess.check_output("cat < rates.json | wc -c", shell=True),
        lambda: os.system("cat rates.json > /dev/null"),
        lambda: os.waitpid(os.posix_spawn("/bin/true", ["true", "rates.json"], {}), 0),
    ],
)
def test_the_files_that_a_program_is_told_of_count(opened: Any, act: Any) -> None:
    assert list(opened(act).read) == ["rates.json"]


def test_a_script_counts_with_what_it_imports(opened: Any, bench: Any) -> None:
    bench.write("tools/fit.py", "import near\n")
    bench.write("tools/near.py", "x = 1\n")
    found = opened(lambda: subprocess.run([sys.executable, "tools/fit.py"], check=True))
    assert list(found.read) == ["tools/fit.py", "tools/near.py"]


def test_what_a_program_writes_is_no_input(opened: Any, bench: Any) -> None:
    def copy() -> None:
        subprocess.run(["cp", "rates.json", "copy.json"], check=True)

    assert list(opened(copy).read) == ["rates.json"]
    assert list(opened(copy).read) == ["rates.json"]  # now the copy is there before


def test_a_database_that_is_only_read_counts(opened: Any, bench: Any) -> None:
    with closing(sqlite3.connect("rows.db")) as connection:
        connection.execute("CREATE TABLE rows (a)")

    def act() -> None:
        with closing(sqlite3.connect("rows.db")) as connection:
            connection.execute("SELECT * FROM rows").fetchall()

    assert list(opened(act).read) == ["rows.db"]
    assert opened(lambda: sqlite3.connect(":memory:").close()) == Openings()


def test_a_file_outside_the_project_counts_by_its_whole_path(
    opened: Any, bench: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = tmp_path_factory.mktemp("shared") / "rates.csv"
    shared.write_text("1")
    before = opened(shared.read_text).read
    assert list(before) == [str(shared)]
    assert openings.changes(before, openings.now(bench.root, before)) == ()
    shared.write_text("2")
    assert openings.changes(before, openings.now(bench.root, before)) == (
        f"file {shared}, which it opens, changed",
    )


def test_a_large_file_is_read_again_only_after_it_changed(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openings, "_WORTH_REMEMBERING", 1)
    large = bench.write("large.bin", "1") or bench.root / "large.bin"
    read: list[Path] = []
    monkeypatch.setattr(digests, "of_file", lambda path: read.append(path) or "b3:" + "1" * 64)
    long_ago = time.time_ns() - 10**11
    monkeypatch.setattr(statcache, "_is_settled", lambda _found, recorded: recorded > long_ago)
    assert openings.now(bench.root, ["large.bin"]) == openings.now(bench.root, ["large.bin"])
    assert len(read) == 1
    large.write_text("22")
    openings.now(bench.root, ["large.bin"])
    assert len(read) == 2


def own_output() -> None:
    Path("report.txt").write_text("one")
    assert Path("report.txt").read_text() == "one"
    pl.DataFrame({"a": [1]}).write_csv("report.csv")


def temporary() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"x")


def made_outside() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["touch", f"{folder}/x"], check=True)
        assert Path(folder, "x").read_text() == ""


@pytest.mark.parametrize(
    "act",
    [
        own_output,
        temporary,
        lambda: Path("/etc/hosts").read_text(),
        made_outside,
        lambda: __import__("colorsys"),
        lambda: Path(pl.__file__).read_text(),
    ],
    ids=[
        "its own output",
        "temporary",
        "the machine's",
        "made outside",
        "an import",
        "a package's file",
    ],
)
def test_what_is_not_the_projects_or_is_the_steps_own_does_not_count(opened: Any, act: Any) -> None:
    assert opened(act) == Openings()


def test_what_trueup_itself_opens_does_not_count(opened: Any, bench: Any) -> None:
    assert opened(lambda: digests.of_file(Path("rates.json"))) == Openings()


def rewrite() -> None:
    text = Path("rates.json").read_text()
    Path("rates.json").write_text(text + " ")


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (rewrite, r"'rates.json' changed while it ran"),
        (lambda: pl.read_csv("parts/*.csv"), r"it opens 'parts/\*.csv', whose files are not known"),
    ],
)
def test_where_it_cannot_be_known_the_result_is_not_reused_and_says_why(
    opened: Any, act: Any, says: str
) -> None:
    assert re.match(says, opened(act).unclear)


def test_very_many_files_are_a_dataset(
    opened: Any, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openings, "MOST", 2)
    for number in range(3):
        bench.write(f"many/{number}", "x")

    def act() -> None:
        for number in range(3):
            Path(f"many/{number}").read_text()

    assert opened(act).unclear == ("it opens more than 2 files; make them a dataset")


def test_nothing_is_seen_after_the_call(opened: Any, bench: Any) -> None:
    usual = os.path.expanduser
    opened(lambda: None)
    assert os.path.expanduser is usual
    with openings.watched(bench.root) as watch:
        pass
    Path("rates.json").read_text()
    assert watch.openings() == Openings()
