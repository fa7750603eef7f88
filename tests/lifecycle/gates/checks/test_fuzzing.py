"""Whatever comes in, a model answers or refuses in words; what it does instead is said."""

from __future__ import annotations

import threading

import numpy as np
import polars as pl
import pytest

from trueup.lifecycle.gates.checks import fuzzing
from trueup.lifecycle.plan.demands import Fuzzing

from .flights import evidence, flights, law

ROWS = flights(300, 1)
DEMAND = Fuzzing(batch=5000, rows=50)


def sound(rows: pl.DataFrame) -> np.ndarray:
    """A model that stands everything."""
    wind = np.nan_to_num(rows["wind"].to_numpy(), nan=0.0, posinf=9.0, neginf=-9.0)
    return 1 / (1 + np.exp(-np.clip(wind, -9, 9)))


def failed(predict: object) -> list[tuple[str, str]]:
    found = fuzzing.check(DEMAND, evidence(ROWS, predict))  # type: ignore[arg-type]
    bad = [(part.name, part.words) for part in found.parts if part.outcome == "failed"]
    assert (found.outcome == "failed") == bool(bad)
    return bad


def test_a_sound_model_stands_every_case() -> None:
    found = fuzzing.check(DEMAND, evidence(ROWS, sound))
    assert found.outcome == "passed"
    names = {part.name for part in found.parts}
    assert names > {
        "the rows backwards",
        "row by row",
        "no rows",
        "a further column",
        "a missing column",
        "words where numbers belong",
        "NaN in every number",
        "the largest integer in every integer",
        "a text of 1,000,000 signs in every text",
        "a row of nothing",
        "5,000 rows at once",
    }
    assert found.words == f"it stands {len(names)} cases"


def test_a_model_may_refuse_in_words() -> None:
    def careful(rows: pl.DataFrame) -> np.ndarray:
        if not np.isfinite(rows["wind"].to_numpy()).all():
            raise ValueError("wind must be finite")
        return sound(rows)

    assert failed(careful) == []


def test_nonsense_is_no_answer() -> None:
    def careless(rows: pl.DataFrame) -> np.ndarray:
        return sound(rows) + 0 * rows["wind"].to_numpy()

    assert ("NaN in every number", "1 of 1 answers is no probability") in failed(careless)


@pytest.mark.parametrize(
    "error", [MemoryError("of 80 GB"), RecursionError("too deep"), ValueError()]
)
def test_breaking_down_is_no_refusal(error: Exception) -> None:
    def breaks(rows: pl.DataFrame) -> np.ndarray:
        if rows["seats"].max() > 10_000:  # type: ignore[operator]
            raise error
        return sound(rows)

    ((name, words),) = failed(breaks)
    assert name == "the largest integer in every integer"
    assert words.startswith(f"it raises {type(error).__name__}")


def test_a_spoilt_row_must_not_change_its_neighbours() -> None:
    def centred(rows: pl.DataFrame) -> np.ndarray:
        missing = rows["seats"].null_count() > 0
        return np.clip(sound(rows) + 0.01 * missing, 0, 1)

    assert ("missing in every integer", "49 of 49 answers to other rows changed") in failed(centred)


def test_neither_order_nor_company_matters() -> None:
    def by_batch(rows: pl.DataFrame) -> np.ndarray:
        return sound(rows) * (0.9 if rows.height < 7 else 1.0)

    def by_place(rows: pl.DataFrame) -> np.ndarray:
        return np.where(np.arange(rows.height) == 0, 0.5, sound(rows))

    assert ("row by row", "1 of 1 answers to other rows changed") in failed(by_batch)
    assert failed(by_place)[0] == ("the rows backwards", "2 of 50 answers to other rows changed")


def test_a_model_that_hangs_is_left_and_nothing_more_is_asked() -> None:
    freed = threading.Event()

    def hangs(rows: pl.DataFrame) -> np.ndarray:
        if rows.height == 0:
            freed.wait()
        return sound(rows)

    quick = Fuzzing(batch=100, rows=10, seconds=0.3)
    found = fuzzing.check(quick, evidence(ROWS, hangs))
    freed.set()
    assert (found.outcome, found.words) == ("failed", "no rows: no answer within 0.3 s")
    assert found.parts[-1].name == "no rows"


def test_wrong_numbers_of_answers_are_seen() -> None:
    def greedy(rows: pl.DataFrame) -> np.ndarray:
        return sound(rows) if rows.height else np.zeros(1)

    assert failed(greedy) == [("no rows", "it gives 1 answers to 0 rows")]


@pytest.mark.parametrize("rows", [0, 1])
def test_without_rows_nothing_can_be_tried(rows: int) -> None:
    found = fuzzing.check(DEMAND, evidence(flights(rows), law))
    assert (found.outcome, found.rows_needed) == ("not-enough-data", 2)
