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


def gives_numbers_for_each_row(form: Format, model: Any, rows: pl.DataFrame) -> None:
    """Finite float64, [n] or [n, k] with k above 1, for one row as for many, none for no rows."""
    score = form.predictor(form.load(form.dump(model)))
    scores = score(rows)
    shape = scores.shape
    expect(
        shape == (rows.height,) or (shape[0] == rows.height and len(shape) == 2 and shape[1] > 1),
        f"{rows.height} rows gave the shape {shape}",
    )
    expect(scores.dtype == np.float64, f"scores are {scores.dtype}")
    expect(bool(np.isfinite(scores).all()), "a score is not finite")
    singly = np.concatenate([score(rows[place]) for place in range(min(3, rows.height))])
    expect(np.allclose(singly, scores[: len(singly)]), "a row scores otherwise alone")
    expect(score(rows.clear()).shape[:1] == (0,), "no rows gave a score")


def scores_are_probabilities(form: Format, model: Any, rows: pl.DataFrame) -> None:
    """A classifier gives the probability of label 1, or those of all classes, which sum to 1."""
    scores = form.predictor(model)(rows)
    expect(bool(((scores >= 0) & (scores <= 1)).all()), "a score lies outside 0 to 1")
    if scores.ndim == 2:
        expect(np.allclose(scores.sum(axis=1), 1, atol=1e-5), "probabilities do not sum to 1")


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
    gives_numbers_for_each_row,
    scores_are_probabilities,
    refuses_damaged_bytes,
)
