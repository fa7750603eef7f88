"""Blocks of rows are routed and scored as the server would, and become records of the journal."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from blake3 import blake3

from trueup.foundation import clock
from trueup.foundation.errors import UserCodeError
from trueup.lifecycle.releases.records import Route
from trueup.lifecycle.serving.inference.routing import assign
from trueup.lifecycle.serving.inference.scoring import limit_native_threads
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.lifecycle.serving.protocol import intake
from trueup.lifecycle.serving.records import Predictions
from trueup.ports.format import Scores

# A record of the journal, and what one thread scores at once.
BLOCK_ROWS: Final = 8192


class Answers(NamedTuple):
    """What a block of rows got.

    Attributes:
        scores: One row each; NaN where the model failed.
        arms: Number of the arm that answered each row.
        failed: Rows that broke the model, and how.
        records: For the journal.
        request: Identifier; prediction ids begin with it.
    """

    scores: Scores
    arms: list[int]
    failed: dict[int, str]
    records: list[Predictions]
    request: str


class Answering:
    """The models behind a route.

    Args:
        route: Where the rows go.
        models: The model of each arm.
        is_shared: Whether the models may be asked by several threads at once.

    Raises:
        ConflictError: The models cannot take the same rows.
    """

    def __init__(self, route: Route, models: Sequence[LoadedModel], *, is_shared: bool) -> None:
        self.route = route
        self.models = tuple(models)
        self.signature = models[0].signature
        self.columns = intake.merged([model.signature for model in models])
        self._order = {
            model.model_ref: [column.name for column in model.signature.inputs] for model in models
        }
        open_ = [arm for arm in route.arms if not arm.shadow]
        self._weights = {arm.release: arm.weight for arm in open_} if len(open_) > 1 else {}
        self._pool = ThreadPoolExecutor(
            (os.cpu_count() or 1) if is_shared else 1, "trueup-batch", limit_native_threads
        )

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown()

    def answer(
        self,
        rows: pl.DataFrame,
        entities: list[str] | None,
        at: datetime | None,
        requests: Sequence[str],
        *,
        is_recorded: bool,
    ) -> list[Answers]:
        """The answers of a chunk, in order, by block."""

        def block(number: int) -> Answers:
            start = number * BLOCK_ROWS
            own = None if entities is None else entities[start : start + BLOCK_ROWS]
            part = rows.slice(start, BLOCK_ROWS)
            return self._block(part, own, at, requests[number], is_recorded=is_recorded)

        return list(self._pool.map(block, range(-(-rows.height // BLOCK_ROWS))))

    def _block(
        self,
        rows: pl.DataFrame,
        entities: list[str] | None,
        at: datetime | None,
        request: str,
        *,
        is_recorded: bool,
    ) -> Answers:
        width = self.signature.width
        scores = np.full((rows.height, width) if width else rows.height, np.nan)
        named = [entity or request for entity in entities or [""] * rows.height]
        arms = assign(self.route, named)
        failed: dict[int, str] = {}
        records: list[Predictions] = []
        for number, arm in enumerate(self.route.arms):
            own = (
                np.arange(rows.height)
                if arm.shadow or len(self.route.arms) == 1
                else np.flatnonzero(np.asarray(arms) == number)
            )
            if not len(own):
                continue
            model = self.models[number]
            inputs = rows.select(self._order[model.model_ref])
            inputs = inputs if len(own) == rows.height else inputs[own]
            started = time.perf_counter()
            got, broken = self._asked(model, inputs)
            seconds = time.perf_counter() - started
            if not arm.shadow:
                scores[own] = got
                failed |= {int(own[row]): rule for row, rule in broken.items()}
            if is_recorded:
                good = [row for row in range(len(own)) if row not in broken]
                if broken:
                    inputs, got, own = inputs[good], got[good], own[good]
                listed = own.tolist()
                received_at = clock.now()
                records.append(
                    Predictions(
                        deployment=self.route.deployment,
                        received_at=received_at,
                        request=request,
                        key="",
                        at=at or received_at,
                        release=arm.release,
                        model_ref=arm.model_ref,
                        rows=listed,
                        entities=[entities[row] for row in listed] if entities else [],
                        inputs=inputs.to_dict(as_series=False),
                        scores=got.tolist(),
                        seconds=seconds,
                        shadow=arm.shadow,
                        salt=self.route.salt if self._weights else "",
                        weights=self._weights,
                    )
                )
        return Answers(scores, arms, failed, [each for each in records if each.rows], request)

    def _asked(self, model: LoadedModel, rows: pl.DataFrame) -> tuple[Scores, dict[int, str]]:
        """The scores, and which rows break the model: found by halves, each fails alone."""
        try:
            return _scores(model, rows), {}
        except UserCodeError as error:
            if rows.height == 1:
                width = model.signature.width
                return np.full((1, width) if width else 1, np.nan), {0: str(error.context["rule"])}
        middle = rows.height // 2
        first, broken = self._asked(model, rows[:middle])
        second, more = self._asked(model, rows[middle:])
        broken |= {row + middle: rule for row, rule in more.items()}
        return np.concatenate([first, second]), broken


def _scores(model: LoadedModel, rows: pl.DataFrame) -> Scores:
    """As the server's scorer: one finite number a row, or as many as the signature says."""
    width = model.signature.width
    try:
        scores: Scores = np.asarray(model.predictor(rows), dtype=np.float64)
    except Exception as error:
        raise _broken(model, f"breaks the model ({type(error).__name__})") from error
    if scores.shape != ((rows.height, width) if width else (rows.height,)):
        raise _broken(model, "gets no answer of the right shape")
    if not np.isfinite(scores).all():
        raise _broken(model, "gets a score that is not finite")
    return scores


def _broken(model: LoadedModel, rule: str) -> UserCodeError:
    return UserCodeError(
        "model-failed",
        f"The model {model.model_ref} fails: a row {rule}.",
        hint=f"trueup why {model.model_ref}",
        context={"model": model.model_ref, "rule": rule},
    )


def request_of(batch: str, started_at: datetime, chunk: int, block: int) -> str:
    """The identifier of a block: always the same, so that nothing is recorded twice."""
    drawn = blake3(f"{batch}\0{chunk}\0{block}".encode()).hexdigest()
    variant = "89ab"[int(drawn[3], 16) & 3]
    return f"{int(started_at.timestamp() * 1000):012x}7{drawn[:3]}{variant}{drawn[4:19]}"
