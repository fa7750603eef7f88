"""Asking a model about rows that nobody collected: it answers, or it is said how it broke."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.foundation.errors import TrueupError
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.models import answers
from trueup.lifecycle.models.records import Signature
from trueup.ports.format import Scores

_MOST_WORDS = 200
_CELLS_AT_ONCE = 2_000_000


class Reply(NamedTuple):
    """What a model said.

    Attributes:
        scores: Its answers; None when it gave none that its task allows.
        trouble: Why not.
        refused: Whether it refused, rather than answer nonsense.
    """

    scores: Scores | None
    trouble: str = ""
    refused: bool = False


def ask(evidence: Evidence, rows: pl.DataFrame) -> Reply:
    """Put rows, in the shape that the model takes, to the model."""
    try:
        scores = np.asarray(evidence.predict(rows), dtype=np.float64)
    except Exception as error:  # a model may fail in any way
        return Reply(None, f"it raises {_words(error)}", refused=True)
    if len(scores) != rows.height:
        return Reply(None, f"it gives {len(scores):,} answers to {rows.height:,} rows")
    _, trouble = answers.unfit(scores, evidence.signature)
    return Reply(None, trouble) if trouble else Reply(scores)


def ask_each(evidence: Evidence, frames: Sequence[pl.DataFrame]) -> list[Reply]:
    """Put many frames to the model: several at once, and one by one where that breaks it."""
    replies: list[Reply] = []
    for batch in _batches(frames):
        together = ask(evidence, pl.concat(batch)) if len(batch) > 1 else None
        if together is None or together.scores is None:
            replies += [ask(evidence, frame) for frame in batch]
            continue
        ends = np.cumsum([frame.height for frame in batch])[:-1]
        replies += [Reply(scores) for scores in np.split(together.scores, ends)]
    return replies


def _batches(frames: Sequence[pl.DataFrame]) -> Iterator[list[pl.DataFrame]]:
    batch: list[pl.DataFrame] = []
    cells = 0
    for frame in frames:
        if batch and cells + frame.height * frame.width > _CELLS_AT_ONCE:
            yield batch
            batch, cells = [], 0
        batch.append(frame)
        cells += frame.height * frame.width
    if batch:
        yield batch


def decided(scores: Scores, signature: Signature, threshold: float = 0.5) -> Scores | None:
    """What is decided by answers; None where nothing is, as by a predicted number."""
    if signature.task == "multiclass":
        return np.asarray(scores.argmax(axis=1), dtype=np.float64)
    if signature.task == "binary":
        return np.asarray(scores >= threshold, dtype=np.float64)
    return None


def furthest(before: Scores, after: Scores) -> npt.NDArray[np.float64]:
    """How far each answer moved, shape [n]; of several numbers the one that moved most."""
    moved = np.abs(after - before).reshape(len(before), -1)
    far: npt.NDArray[np.float64] = moved.max(axis=1, initial=0.0)
    return far


def _words(error: Exception) -> str:
    # Evidence wraps what a model raises: the cause says what happened.
    cause = error.__cause__ if isinstance(error, TrueupError) and error.__cause__ else error
    said = " ".join(str(cause).split())[:_MOST_WORDS]
    return f"{type(cause).__name__}: {said}" if said else type(cause).__name__
