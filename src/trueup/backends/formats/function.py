"""A function of the project as a model: its source files and data as one zip.

To load it is to run it, so only those who have leave from the plan do; `facts` reads and runs
nothing.
"""

from __future__ import annotations

from typing import IO, Any

import numpy as np
import polars as pl

from trueup.backends.formats import _modules, _package, _rows
from trueup.ports.code import FunctionModel, bound
from trueup.ports.format import Extra, Predictor, Scores


class Backend:
    """The format of functions."""

    suffix = ".zip"
    flavor = None
    runs_code = True

    def accepts(self, model: Any) -> bool:
        """Whether the object was made by `trueup.function_model`."""
        return isinstance(model, FunctionModel)

    def dump(self, model: FunctionModel) -> bytes:
        """The files as one zip."""
        return _package.write(model.sources, model.prepare, model.data)

    def load(self, raw: bytes) -> FunctionModel:
        """The model; its files are run."""
        package = _package.read(raw, "function")
        said = package.description
        names = [name for name in (said.entry, said.prepare) if name]
        predict, *prepare = _modules.load(package.sources, *names)
        with _modules.users(said.prepare or said.entry):
            answer = bound(predict, prepare[0] if prepare else None, package.data)
        return FunctionModel(package.sources, answer, said.prepare, package.data)

    def predictor(self, model: FunctionModel) -> Predictor:
        """What the function answers."""

        return _Answers(model)

    def facts(self, file: IO[bytes]) -> dict[str, str]:
        """What the file says about itself; nothing is run."""
        return _package.facts(file, "function")


class _Answers:
    """What a function answers: numbers of each row, and whatever else it says by name."""

    def __init__(self, model: FunctionModel) -> None:
        self._model = model

    def __call__(self, rows: pl.DataFrame) -> Scores:
        """The numbers, in the order of the rows."""
        return self.told(rows)[0]

    def told(self, rows: pl.DataFrame) -> tuple[Scores, Extra]:
        """The numbers, and what was said besides."""
        if not rows.height:
            return np.zeros(0), {}
        return _rows.told(self._model.predict(rows), rows.height)
