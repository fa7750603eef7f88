"""`trueup drift`: two files in, a table out; exit codes that a script can rely on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trueup.doors.cli.main import run


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    word = pl.Series(["a", "b", "c"])

    def write(name, rows, shift):
        frame = {"x": rng.normal(shift, 1, rows), "word": word.gather(rng.integers(0, 3, rows))}
        pl.DataFrame(frame).write_csv(name)
        return name

    return write("before.csv", 5_000, 0), write("now.csv", 5_000, 0.3), write("few.csv", 40, 0)


def test_what_changed_is_shown_without_a_project(files, capsys):
    assert run(["drift", *files[:2], "--html", "drift.html"]) == 0
    said = capsys.readouterr()
    assert "1 column changed (x)" in said.out
    assert "Kolmogorov-Smirnov" in said.out
    assert "5,000 rows beside 5,000" in said.err
    page = Path("drift.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "http" not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("current", "fail_on", "code"),
    [
        (1, "never", 0),
        (1, "changed", 6),
        (1, "not-enough-data", 6),
        (2, "changed", 0),
        (2, "not-enough-data", 6),
        (0, "not-enough-data", 0),
    ],
)
def test_the_exit_code_says_what_was_asked(files, capsys, current, fail_on, code):
    assert run(["drift", files[0], files[current], "--fail-on", fail_on]) == code
    capsys.readouterr()


def test_json_holds_every_number_and_no_row(files, capsys):
    assert run(["drift", *files[:2], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "changed"
    assert found["columns"][0]["distances"].keys() >= {"psi", "wasserstein", "jensen_shannon"}
    assert found["columns"][0]["tests"][0]["detectable"] < 0.05


def test_the_numbers_of_evidently_are_there_to_compare(files, capsys):
    assert run(["drift", *files[:2], "--rules", "evidently", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [c["test"] for c in found["columns"]] == [
        "Wasserstein distance (normed)",
        "Jensen-Shannon distance",
    ]
    assert run(["drift", *files[:2], "--rules", "evidently", "--fail-on", "changed"]) == 6
    assert "1 of 2 columns drifted (50 %): dataset drift detected." in capsys.readouterr().out
    assert run(["drift", *files[:2], "--rules", "evidently", "--multivariate"]) == 2
    assert "options-contradict" in capsys.readouterr().err


def test_mistakes_are_told_in_a_sentence(files, capsys):
    assert run(["drift", files[0], "nowhere.csv"]) == 3
    assert "There is nothing at 'nowhere.csv'" in capsys.readouterr().err
    assert run(["drift", *files[:2], "--columns", "y"]) == 2
    assert "Neither table has a column 'y'" in capsys.readouterr().err
    assert run(["drift", *files[:2], "--effect", "2"]) == 2
    assert "drift-limit" in capsys.readouterr().err
