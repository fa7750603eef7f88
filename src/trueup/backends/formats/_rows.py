"""Rows as the matrices that libraries of trees and graphs take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.foundation.errors import DeniedError, UsageError
from trueup.ports.format import Extra, Matrix, OfMatrix, Scores

SCORE: Final = "score"
TAKEN: Final = frozenset({SCORE, "prediction_id", "release"})


def matrix(rows: pl.DataFrame, names: Sequence[str] = ()) -> npt.NDArray[np.float64]:
    """The rows as numbers, one column after the other; what is missing is NaN.

    Args:
        rows: The rows.
        names: The model's own names, in its order; columns are taken by place if they are others.

    Raises:
        UsageError: A column holds text.
    """
    chosen = rows.select(names) if names and set(names) <= set(rows.columns) else rows
    texts = [
        name
        for name, kind in chosen.schema.items()
        if not (kind.is_numeric() or kind == pl.Boolean)
    ]
    if texts:
        raise UsageError(
            "model-needs-numbers",
            f"The model takes numbers only; column '{texts[0]}' holds {chosen.schema[texts[0]]}.",
            hint="turn words into numbers in a step before training, and train on those columns",
            context={"columns": texts[:50]},
        )
    return chosen.select(pl.all().cast(pl.Float64)).to_numpy(order="c").reshape(rows.height, -1)


class ByPlace:
    """A model of numbers: columns by the model's own names where it has them, else by place.

    Args:
        ask: What the model gives for a matrix of at least one row.
        names: The model's own names of columns, in its order; none if it has none.
    """

    def __init__(self, ask: Callable[[Matrix], Any], names: Sequence[str] = ()) -> None:
        self._ask = ask
        self._names = tuple(names)

    def __call__(self, rows: pl.DataFrame) -> Scores:
        """The numbers, in the order of the rows."""
        if not rows.height:
            return scores([], 0)
        return scores(self._ask(matrix(rows, self._names)), rows.height)

    def for_columns(self, names: Sequence[str]) -> OfMatrix:
        """The same for a matrix of these columns."""
        own = self._names
        if not own or not set(own) <= set(names) or own == tuple(names):
            return lambda given: scores(self._ask(given), len(given))
        order = [list(names).index(name) for name in own]
        return lambda given: scores(self._ask(given[:, order]), len(given))


def scores(answers: Any, height: int) -> Scores:
    """The numbers of each row: shape [n] for one, else [n, k]."""
    if not height:
        return np.zeros(0)
    found = np.asarray(answers, dtype=np.float64).reshape(height, -1)
    return np.ascontiguousarray(found[:, 0] if found.shape[1] == 1 else found)


def answered(answers: Any, height: int) -> Scores:
    """The same of what code of a project gave, which may be anything.

    Raises:
        UsageError: It is not numbers for each row.
    """
    found = np.asarray(answers)
    if found.ndim not in (1, 2) or found.shape[0] != height or found.dtype.kind not in "biuf":
        raise UsageError(
            "model-output",
            f"The model gives {found.dtype} of the shape {found.shape} for {height} rows; a "
            "version gives one number a row, or one for each class or level.",
            hint="return the numbers of each row, in the order of the rows",
        )
    return scores(found, height)


def told(answers: Any, height: int) -> tuple[Scores, Extra]:
    """The same, and what else the code says by name, where it gives a dict with `score`.

    Raises:
        UsageError: It is not numbers for each row, or something else is not one for each row.
    """
    if not isinstance(answers, Mapping):
        return answered(answers, height), {}
    if SCORE not in answers:
        raise _unfit(f"a dict of {', '.join(map(repr, answers))[:200]}, without '{SCORE}'")
    extra = {}
    for name, values in answers.items():
        if name == SCORE:
            continue
        listed = values.tolist() if hasattr(values, "tolist") else list(values)
        if not isinstance(name, str) or name in TAKEN or not name.isidentifier():
            raise _unfit(f"something called {name!r}, which is no free name")
        if len(listed) != height:
            raise _unfit(f"{len(listed)} values of '{name}' for {height} rows")
        if not all(
            value is None or isinstance(value, str | bool | int | float) for value in listed
        ):
            raise _unfit(f"'{name}', which holds more than text, numbers and booleans")
        extra[name] = listed
    return answered(answers[SCORE], height), extra


def _unfit(what: str) -> UsageError:
    return UsageError(
        "model-output",
        f"The model gives {what}.",
        hint='return the numbers of each row, or a dict: {"score": numbers, "reason": texts}',
    )


def refused(format_: str, what: str) -> DeniedError:
    """A file that was not given to its library, because that might harm this process."""
    return DeniedError(
        "model-unsafe",
        f"The {format_} file {what}.",
        hint="write the model again with the library that trained it, and register that file",
        context={"format": format_},
    )


def is_of(model: Any, *libraries: str) -> bool:
    """Whether a class of the object comes from one of these libraries; nothing is imported."""
    return any(kind.__module__.partition(".")[0] in libraries for kind in type(model).__mro__)
