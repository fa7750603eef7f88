"""What the checks look at: the rows set aside, and the answers of candidate and champion."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.foundation.errors import TrueupError, UserCodeError
from trueup.foundation.text import listing
from trueup.lifecycle.gates.records import Ground
from trueup.lifecycle.models import rules as model_rules
from trueup.lifecycle.models.leave import NEVER, Leave
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.models.service import load_predictor, read_rows
from trueup.ports.blobs import Blobs
from trueup.ports.format import Predictor, Scores

_TIMED_CALLS = 50


@dataclass(frozen=True)
class Evidence:
    """Everything a verdict rests on.

    Attributes:
        version: The candidate.
        trained_on: Its training rows; None when they are not known.
        holdout: The rows it is judged on, with the label.
        labels: 0 or 1 per holdout row, shape [n].
        scores: The candidate's answers, shape [n].
        again: The same question asked a second time, shape [n].
        champion: The live version, or None.
        champion_scores: Its answers on the same rows, shape [n]; None without champion, or when
            it cannot answer them.
        champion_trouble: Why it cannot.
        predict: The candidate itself.
    """

    version: ModelVersion
    trained_on: pl.DataFrame | None
    holdout: pl.DataFrame
    labels: npt.NDArray[np.float64]
    scores: Scores
    again: Scores
    champion: ModelVersion | None
    champion_scores: Scores | None
    champion_trouble: str
    predict: Predictor

    @cached_property
    def milliseconds(self) -> npt.NDArray[np.float64]:
        """Times of single-row answers, shape [k]; taken only when a goal asks for latency."""
        return _timed(
            self.predict, model_rules.conform(self.holdout, self.version.manifest.signature)
        )

    def trouble(self) -> str:
        """Why nothing can be measured on these rows; empty when it can."""
        wrong = int(np.count_nonzero(~np.isin(self.labels, (0.0, 1.0))))
        if wrong:
            return f"{wrong:,} of {len(self.labels):,} holdout labels are neither 0 nor 1"
        outside = int(np.count_nonzero(~((self.scores >= 0) & (self.scores <= 1))))
        return f"{outside:,} answers are no probabilities" if outside else ""


class _Asked:
    """A model that says which rows it could not answer."""

    def __init__(self, predict: Predictor, version: ModelVersion, ground: Ground) -> None:
        self._predict = predict
        self._said = f"{version.ref} cannot answer the rows of {ground.rows}"

    def __call__(self, rows: pl.DataFrame) -> Scores:
        try:
            return self._predict(rows)
        except TrueupError:
            raise
        except Exception as error:  # a library of models may fail in any way
            words = " ".join(str(error).split())[:300] or type(error).__name__
            raise UserCodeError(
                "candidate-cannot-answer",
                f"{self._said}: {words}",
                hint="trueup explain candidate-cannot-answer",
            ) from error


def gather(
    blobs: Blobs,
    version: ModelVersion,
    ground: Ground,
    champion: ModelVersion | None,
    allowed: Leave = NEVER,
) -> Evidence:
    """Load candidate, champion and rows by their digests, and let both models answer."""
    manifest = version.manifest
    trained_on = read_rows(blobs, ground.trained_on) if ground.trained_on else None
    holdout = read_rows(blobs, ground.data)
    loaded = load_predictor(blobs, manifest.format, manifest.file, allowed)
    predict = _Asked(loaded, version, ground)
    rows = model_rules.conform(holdout, manifest.signature)
    champion_scores, champion_trouble = _answers_of(blobs, champion, holdout, allowed)
    return Evidence(
        version=version,
        trained_on=trained_on,
        holdout=holdout,
        labels=holdout[ground.label].cast(pl.Float64, strict=False).to_numpy(),
        scores=predict(rows),
        again=predict(rows),
        champion=champion,
        champion_scores=champion_scores,
        champion_trouble=champion_trouble,
        predict=predict,
    )


def _answers_of(
    blobs: Blobs, champion: ModelVersion | None, holdout: pl.DataFrame, allowed: Leave
) -> tuple[Scores | None, str]:
    if champion is None:
        return None, ""
    manifest = champion.manifest
    absent = [c.name for c in manifest.signature.inputs if c.name not in holdout.columns]
    if absent:
        return None, f"they lack {listing(absent[:5])}"
    answer = load_predictor(blobs, manifest.format, manifest.file, allowed)
    try:
        return answer(model_rules.conform(holdout, manifest.signature)), ""
    except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
        return None, str(error).splitlines()[0]


def _timed(predict: Predictor, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    times = []
    for number in range(min(_TIMED_CALLS, rows.height)):
        row = rows.slice(number, 1)
        start = time.perf_counter()
        predict(row)
        times.append((time.perf_counter() - start) * 1000)
    return np.asarray(times, dtype=np.float64)
