"""Flights whose delays follow a law that is known, and models of it that are right or wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from trueup.lifecycle.gates.evidence import Evidence, collect
from trueup.lifecycle.models.rules import signature_of
from trueup.ports.format import Predictor

CARRIERS = ("AA", "B6", "DL", "UA")
LABEL = "late"


def law(rows: pl.DataFrame) -> np.ndarray:
    """The chance of a late arrival, given the wind."""
    return 1 / (1 + np.exp(-1.5 * rows["wind"].fill_null(0.0).to_numpy()))


def flights(
    rows: int, seed: int = 0, chance: Callable[[pl.DataFrame], np.ndarray] = law
) -> pl.DataFrame:
    """Flights with their label."""
    random = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "carrier": random.choice(CARRIERS, rows),
            "distance": random.integers(1, 27, rows) * 100.0,
            "wind": random.normal(size=rows),
            "seats": random.integers(50, 300, rows),
        }
    )
    late = random.random(rows) < chance(frame)
    return frame.with_columns(pl.Series(LABEL, late.astype(np.int64)))


def evidence(
    holdout: pl.DataFrame, predict: Predictor = law, trained_on: pl.DataFrame | None = None
) -> Evidence:
    """What is known of a model that answers these rows."""
    return collect(
        predict,
        holdout,
        LABEL,
        signature=signature_of(holdout, LABEL),
        ref="flights@3",
        trained_on=trained_on,
    )


def short_b6(rows: pl.DataFrame) -> np.ndarray:
    """Which flights are short ones of B6."""
    return (
        rows.select((pl.col("carrier") == "B6") & (pl.col("distance") <= 500))
        .to_series()
        .to_numpy()
    )


def blind_to_short_b6(rows: pl.DataFrame) -> np.ndarray:
    """A world in which short flights of B6 fare against the law."""
    return np.where(short_b6(rows), 1 - law(rows), law(rows))
