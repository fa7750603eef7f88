"""What every model format must do. Give each function the format, a fitted model and its rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from trueup.ports.format import Format
from trueup.testing.expecting import expect


class Nothing:
    """An object that is no model."""


def knows_its_models(form: Format, model: Any, rows: pl.DataFrame) -> None:
    """It accepts its own models and nothing that is none."""
    expect(form.accepts(model), "the format denies its own model")
    for other in (Nothing(), None, "text", {"a": 1}):
        expect(not form.accepts(other), f"the format accepts {other!r}")
    expect(isinstance(form.runs_code, bool), "the format does not say whether it runs code")
    expect(form.suffix.startswith("."), f"the suffix is {form.suffix!r}")


def gives_the_same_scores_after_a_round_trip(form: Format, model: Any, rows: pl.DataFrame) -> None:
    """A model that was written and read scores exactly as before."""
    before = form.predictor(model)(rows)
    after = form.predictor(form.load(form.dump(model)))(rows)
    expect(np.array_equal(before, after), "scores differ after a round trip")


def gives_one_number_a_row(form: Format, model: Any, rows: pl.DataFrame) -> None:
    """One finite float64 for each row, for one row as for many, none for none of them."""
    score = form.predictor(form.load(form.dump(model)))
    scores = score(rows)
    expect(scores.shape == (rows.height,), f"{rows.height} rows gave the shape {scores.shape}")
    expect(scores.dtype == np.float64, f"scores are {scores.dtype}")
    expect(bool(np.isfinite(scores).all()), "a score is not finite")
    singly = np.concatenate([score(rows[place]) for place in range(min(3, rows.height))])
    expect(np.allclose(singly, scores[: singly.size]), "a row scores otherwise alone")


def scores_are_probabilities(form: Format, model: Any, rows: pl.DataFrame) -> None:
    """A classifier's score is the probability of the label being 1."""
    scores = form.predictor(model)(rows)
    expect(bool(((scores >= 0) & (scores <= 1)).all()), "a score lies outside 0 to 1")


def refuses_damaged_bytes(form: Format, model: Any, rows: pl.DataFrame) -> None:
    """Bytes that were cut off or are none of its own give an error, never a model."""
    raw = form.dump(model)
    for wrong in (b"", b"no model at all", raw[: len(raw) // 2]):
        try:
            loaded = form.load(wrong)
        except Exception as error:
            expect(bool(str(error)), "the error says nothing")
        else:
            raise AssertionError(f"{len(wrong)} damaged bytes became {loaded!r}")


PROOFS: tuple[Callable[[Format, Any, pl.DataFrame], None], ...] = (
    knows_its_models,
    gives_the_same_scores_after_a_round_trip,
    gives_one_number_a_row,
    scores_are_probabilities,
    refuses_damaged_bytes,
)
