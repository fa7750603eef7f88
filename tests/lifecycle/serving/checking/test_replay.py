"""Logged rows are answered again by a candidate; what moves, flips or breaks is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from trueup.lifecycle.models.records import Column, Signature
from trueup.lifecycle.serving.checking import replay
from trueup.lifecycle.serving.checking.replay import Replay, Traffic
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.records import Labels

from ..conftest import AT, prediction

SIGNATURE = Signature(inputs=(Column(name="x", kind="number"),))
LOGGED = Traffic(
    inputs={"x": [1.0, 2.0, 3.0, None]},
    scores=[0.1, 0.2, 0.3, 0.0],
    versions=["m@1"] * 4,
    labels=[0.0, 0.0, 1.0, float("nan")],
)


def tenth(rows: pl.DataFrame) -> np.ndarray:
    return rows["x"].fill_null(0.0).to_numpy() / 10


def test_the_version_that_served_answers_the_same() -> None:
    found = replay.check(LOGGED, "m@1", tenth, SIGNATURE, Replay(moved=0.0))
    assert found.outcome == "passed", found.words
    assert [part.name for part in found.parts] == [
        *("answers", "moved", "flipped", "own answers", "truth")
    ]


def test_a_version_that_does_not_repeat_its_own_answers_fails() -> None:
    found = replay.check(LOGGED, "m@1", lambda rows: tenth(rows) + 0.01, SIGNATURE, Replay())
    assert found.outcome == "failed"
    assert found.words == "4 of its own 4 logged answers do not come again"


def test_moves_and_flips_are_held_to_their_limits() -> None:
    def half(rows: pl.DataFrame) -> np.ndarray:
        return np.where(rows["x"].fill_null(0.0).to_numpy() > 2.5, 0.9, tenth(rows))

    found = replay.check(LOGGED, "m@2", half, SIGNATURE, Replay(moved=0.25, flipped=0.25))
    assert found.outcome == "passed"
    assert found.value == 0.25
    found = replay.check(LOGGED, "m@2", half, SIGNATURE, Replay(flipped=0.2))
    assert (found.outcome, "25.0% of the decisions at 0.5 flip" in found.words) == ("failed", True)


def test_the_truth_says_which_of_both_errs_less() -> None:
    found = replay.check(LOGGED, "m@2", lambda rows: tenth(rows) * 2, SIGNATURE, Replay())
    truth = next(part for part in found.parts if part.name == "truth")
    assert truth.rows == 3
    assert truth.value is not None
    assert np.isclose(truth.value, np.mean([0.01 - 0.04, 0.04 - 0.16, 0.49 - 0.16]))


def test_a_candidate_that_takes_what_was_never_logged_is_told_so() -> None:
    more = Signature(inputs=(*SIGNATURE.inputs, Column(name="y", kind="number")))
    found = replay.check(LOGGED, "m@2", tenth, more, Replay())
    assert (found.outcome, found.words) == (
        "failed",
        "the logged rows lack y, which the candidate takes",
    )


def test_a_candidate_that_breaks_or_gives_no_number_fails() -> None:
    def breaks(rows: pl.DataFrame) -> np.ndarray:
        raise ValueError("no seats")

    found = replay.check(LOGGED, "m@2", breaks, SIGNATURE, Replay())
    assert found.outcome == "failed"
    assert found.words == "m@2 cannot answer the logged rows: no seats"
    found = replay.check(LOGGED, "m@2", lambda rows: tenth(rows) * np.nan, SIGNATURE, Replay())
    assert found.outcome == "failed"
    assert "4 rows get no number" in found.words


def test_the_newest_rows_of_a_journal_are_taken_with_their_labels(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(5):
        journal.write(
            [
                prediction(
                    f"{number:032x}", rows=[0, 1], inputs={"x": [number, number]}, scores=[0.1, 0.2]
                )
            ]
        )
    journal.write([prediction("f" * 32, deployment="other")])
    ids = [f"{4:032x}-1"]
    journal.write([Labels(deployment="late", received_at=AT, predictions=ids, labels=[1.0], at=AT)])
    journal.close()
    found = replay.traffic(tmp_path, "late", 3)
    assert found.inputs == {"x": [3, 3, 4, 4]}
    assert found.labels[3] == 1.0
    assert np.isnan(found.labels[:3]).all()


def test_without_traffic_there_is_not_enough(tmp_path: Path) -> None:
    found = replay.check(replay.traffic(tmp_path, "late", 10), "m@1", tenth, SIGNATURE, Replay())
    assert found.outcome == "not-enough-data"
