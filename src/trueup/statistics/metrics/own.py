"""Metrics that are functions of a project: computed on rows, their error by resampling.

A function takes labels and scores, and the rows themselves where it has a third parameter; it
gives one number. Nothing here finds or imports it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from trueup.foundation.questions import TASKS
from trueup.statistics.metrics.estimates import Estimate, FloatArray, Metric

Picked = npt.NDArray[np.intp]
DRAWS: Final = 200
_SEED: Final = 0


def is_own(name: str) -> bool:
    """Whether a metric's name says a function of the project: `module:function`."""
    return ":" in name


class Resampled:
    """A function as a metric, with the spread of its values over resampled rows as its error.

    Args:
        code: The function.
        rows: What a third parameter gets: anything that an array of places picks rows from.
        groups: Of every row, where rows are ranked together: whole groups are resampled.
    """

    def __init__(
        self, code: Callable[..., Any], rows: Any = None, groups: FloatArray | None = None
    ) -> None:
        self.code = code
        self._rows = rows
        self._groups = groups
        self._takes = len(inspect.signature(code).parameters)

    def value(self, labels: FloatArray, scores: FloatArray, picked: Picked | None = None) -> float:
        """The function of some of the rows, by their places; of all rows without.

        Raises:
            TypeError: It gave no number.
        """
        if picked is not None:
            labels, scores = labels[picked], scores[picked]
        given = [labels, scores]
        if self._takes > 2:
            given.append(self._rows if picked is None else self._rows[picked])
        found = self.code(*given)
        if isinstance(found, bool) or not isinstance(found, int | float | np.number):
            raise TypeError(f"it gave {type(found).__name__}, and a metric is one number")
        return float(found)

    def draws(self, rows: int, draws: int, seed: int = _SEED) -> list[Picked]:
        """Places of resampled rows, or of all rows of resampled groups."""
        generator = np.random.default_rng(seed)
        if self._groups is None:
            return [generator.integers(0, rows, size=rows) for _ in range(draws)]
        order = np.argsort(self._groups, kind="stable")
        _, starts = np.unique(self._groups[order], return_index=True)
        parts = np.split(order, starts[1:])
        chosen = (generator.integers(0, len(parts), size=len(parts)) for _ in range(draws))
        return [np.concatenate([parts[each] for each in places]) for places in chosen]

    def __call__(
        self,
        labels: FloatArray,
        scores: FloatArray,
        weights: FloatArray,
        beside: FloatArray | None = None,
    ) -> Estimate:
        """The value, and its spread; the error is infinite where resampling never moves it."""
        n = len(labels) if self._groups is None else len(np.unique(self._groups))
        if not n:
            return Estimate(math.nan, math.inf, 0, 0.0)
        value = self.value(labels, scores)
        drawn = [self.value(labels, scores, each) for each in self.draws(len(labels), DRAWS)]
        known = np.array(drawn)[np.isfinite(drawn)]
        error = float(known.std(ddof=1)) if len(known) > DRAWS / 2 else 0.0
        return Estimate(value, error if error > 0 else math.inf, n, 0.0)


def own(
    name: str,
    better: Literal["higher", "lower", "neither"],
    code: Callable[..., Any],
    rows: Any = None,
    groups: FloatArray | None = None,
) -> Metric:
    """A function of a project as a metric.

    Example:
        >>> import numpy as np
        >>> gain = own("money:gain", "higher", lambda labels, scores: float(labels @ scores))
        >>> gain.estimate(np.array([1.0, 0.0]), np.array([0.5, 0.9]), np.ones(2)).value
        0.5
    """
    return Metric(name, better, "labels", Resampled(code, rows, groups), tasks=TASKS, is_own=True)
