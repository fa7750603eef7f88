"""The format port: how a fitted model becomes bytes and is loaded again.

Most formats hold data only. Those that hold code say so, and are loaded by leave of the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

Scores = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Extra = dict[str, list[Any]]
OfMatrix = Callable[[Matrix], Scores]


class Predictor(Protocol):
    """A loaded model: rows in, numbers for each row out.

    One number a row has the shape [n]: a prediction, or the probability of label 1. Several have
    the shape [n, k]: probabilities of the classes in the model's order, quantiles in the order of
    their levels.
    """

    def __call__(self, rows: pl.DataFrame) -> Scores:
        """The numbers, in the order of the rows."""
        ...


class Telling(Predictor, Protocol):
    """A predictor that may say more about a row than numbers: a label in words, an explanation."""

    def told(self, rows: pl.DataFrame) -> tuple[Scores, Extra]:
        """The numbers, and what is said besides: lists of one value a row, by name."""
        ...


class OfNumbers(Predictor, Protocol):
    """A predictor whose model takes numbers only: no frame has to be made of the rows."""

    def for_columns(self, names: Sequence[str]) -> OfMatrix | None:
        """The same for rows as a matrix of these columns, shape [n, len(names)].

        Whole numbers and booleans stand in it as numbers, missing values as NaN. None if the
        model does not take them so.
        """
        ...


class Flavor(NamedTuple):
    """How clients of MLflow load the file `model` + suffix, as their file `MLmodel` says it.

    Attributes:
        name: Of the flavour; `mlflow.<name>` loads it.
        settings: What stands under that name.
        function: What stands under `python_function`, besides the loader.
        packages: Distributions that loading needs.
    """

    name: str
    settings: Mapping[str, Any]
    function: Mapping[str, Any]
    packages: tuple[str, ...]


class Format(Protocol):
    """One file format for models.

    Attributes:
        suffix: How its files are called.
        flavor: How clients of MLflow load it; None when they can't.
        runs_code: Whether loading runs code that stands in the file. Who loads one needs leave.
    """

    suffix: str
    flavor: Flavor | None
    runs_code: bool

    def accepts(self, model: Any) -> bool:
        """Whether this format can hold the object."""
        ...

    def dump(self, model: Any) -> bytes:
        """The model as bytes.

        Raises:
            UsageError: The object holds parts that could run code when loaded.
        """
        ...

    def load(self, raw: bytes) -> Any:
        """The model, from bytes that may come from a stranger: no code in them is run.

        A format that says `runs_code` is the exception: nobody loads one for a stranger.

        Raises:
            DeniedError: The bytes name types that are not known to be safe.
        """
        ...

    def predictor(self, model: Any) -> Predictor:
        """The function that asks a loaded model: whatever the model itself gives, unchanged.

        A classifier gives the probabilities of all its classes, also of two.
        """
        ...


class CodeFormat(Format, Protocol):
    """A format whose files hold code of a project."""

    def facts(self, file: IO[bytes]) -> Mapping[str, str]:
        """What a file says about itself, by name; nothing in it is run, and only a part is read.

        Raises:
            DeniedError: The bytes are none of the format.
        """
        ...
