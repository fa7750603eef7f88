"""What the checks look at: the rows set aside, and the answers of candidate and champion."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.lifecycle.models import rules as model_rules
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
        trained_on: Its training rows.
        holdout: Rows it never saw, with the label.
        labels: 0 or 1 per holdout row, shape [n].
        scores: The candidate's answers, shape [n].
        again: The same question asked a second time, shape [n].
        champion: The live version, or None.
        champion_scores: Its answers on the same rows, shape [n]; None without champion.
        milliseconds: Time of single-row answers, shape [k].
    """

    version: ModelVersion
    trained_on: pl.DataFrame
    holdout: pl.DataFrame
    labels: npt.NDArray[np.float64]
    scores: Scores
    again: Scores
    champion: ModelVersion | None
    champion_scores: Scores | None
    milliseconds: npt.NDArray[np.float64]


def gather(blobs: Blobs, version: ModelVersion, champion: ModelVersion | None) -> Evidence:
    """Load candidate, champion and rows by their digests, and let both models answer."""
    manifest = version.manifest
    trained_on = read_rows(blobs, manifest.trained_on)
    holdout = read_rows(blobs, manifest.holdout)
    predict = load_predictor(blobs, manifest.format, manifest.file)
    rows = model_rules.conform(holdout, manifest.signature)
    champion_scores = None
    if champion is not None:
        other = champion.manifest
        answer = load_predictor(blobs, other.format, other.file)
        champion_scores = answer(model_rules.conform(holdout, other.signature))
    return Evidence(
        version=version,
        trained_on=trained_on,
        holdout=holdout,
        labels=holdout[manifest.label].cast(pl.Float64).to_numpy(),
        scores=predict(rows),
        again=predict(rows),
        champion=champion,
        champion_scores=champion_scores,
        milliseconds=_timed(predict, rows),
    )


def _timed(predict: Predictor, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    times = []
    for number in range(min(_TIMED_CALLS, rows.height)):
        row = rows.slice(number, 1)
        start = time.perf_counter()
        predict(row)
        times.append((time.perf_counter() - start) * 1000)
    return np.asarray(times, dtype=np.float64)
