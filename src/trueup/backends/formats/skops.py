"""Scikit-learn models as skops files: a zip of JSON and arrays, no pickle.

Only types that skops itself trusts are loaded, and those of the list below: scikit-learn's own,
which hold numbers and run nothing when they are put together.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
import skops.io

from trueup.backends.formats import _rows
from trueup.backends.formats._straight import straight
from trueup.foundation.errors import DeniedError, UsageError
from trueup.ports.format import Flavor, OfMatrix, Predictor, Scores

# Exact names: a prefix would let in whatever scikit-learn adds later.
_TRUSTED = frozenset(
    {
        "numpy.dtype",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
    }
)


_SCHEMA = "schema.json"
# Estimators to whose parts a frame is something else than a matrix.
_BY_NAME = frozenset({"ColumnTransformer", "FunctionTransformer"})


class Backend:
    """The skops format."""

    suffix = ".skops"
    runs_code = False
    flavor = Flavor(
        "sklearn",
        {
            "pickled_model": "model.skops",
            "serialization_format": "skops",
            "skops_trusted_types": sorted(_TRUSTED),
        },
        {"model_path": "model.skops", "predict_fn": "predict"},
        ("scikit-learn", "skops"),
    )

    def accepts(self, model: Any) -> bool:
        """Whether the object is a scikit-learn estimator, and not of a format of its own."""
        return (
            hasattr(model, "predict")
            and hasattr(model, "get_params")
            and not _rows.is_of(model, "xgboost", "lightgbm")
        )

    def dump(self, model: Any) -> bytes:
        """The model as bytes, refused if it could not be loaded safely."""
        raw = _stable(skops.io.dumps(model))
        unsafe = _unsafe(raw)
        if unsafe:
            raise UsageError(
                "model-unsafe",
                f"The model holds {', '.join(unsafe)}, which might run code when it is loaded.",
                hint="build the model from scikit-learn's own estimators and plain parameters",
                context={"types": unsafe},
            )
        return raw

    def load(self, raw: bytes) -> Any:
        """The model, from bytes that may come from a stranger."""
        unsafe = _unsafe(raw)
        if unsafe:
            raise DeniedError(
                "model-unsafe",
                f"The model file names {', '.join(unsafe)}, which is not known to be safe.",
                hint="train and register the model again with scikit-learn's own estimators",
                context={"types": unsafe},
            )
        return skops.io.loads(raw, trusted=sorted(_TRUSTED))

    def predictor(self, model: Any) -> Predictor:
        """The probabilities of all classes in its order, or the prediction where there are none."""
        return _Estimator(model)


class _Estimator:
    """Asks an estimator: by the names of columns if it was fitted on a frame, else by place."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._names = getattr(model, "feature_names_in_", None)
        self._by_place = _rows.ByPlace(_question(model))

    def __call__(self, rows: pl.DataFrame) -> Scores:
        """The numbers, in the order of the rows."""
        if self._names is None or not rows.height:
            return self._by_place(rows)
        return _rows.scores(_question(self._model)(rows), rows.height)

    def for_columns(self, names: Sequence[str]) -> OfMatrix | None:
        """The same for a matrix of these columns."""
        if self._names is None:
            model = self._model
        elif list(self._names) == list(names) and not _looks_up_names(self._model):
            model = _nameless(self._model)
        else:
            return None
        ask = _question(model)
        return _rows.ByPlace(straight(model, ask) or ask).for_columns(names)


def _question(model: Any) -> Callable[[Any], Any]:
    ask: Callable[[Any], Any] = getattr(model, "predict_proba", None) or model.predict
    return ask


def _nameless(value: Any) -> Any:
    """A model that knows no names of columns, else each call would warn; arrays are shared."""
    if isinstance(value, list | tuple):
        return type(value)([_nameless(each) for each in value])
    if isinstance(value, dict):
        return {name: _nameless(each) for name, each in value.items()}
    if isinstance(value, np.ndarray) and value.dtype == object:
        return np.array([_nameless(each) for each in value.flat], object).reshape(value.shape)
    if not _is_estimator(value):
        return value
    made = copy.copy(value)
    for name, part in vars(value).items():
        setattr(made, name, _nameless(part))
    vars(made).pop("feature_names_in_", None)
    return made


def _parts(value: Any) -> Iterator[Any]:
    """A model and the estimators that it is made of."""
    if isinstance(value, list | tuple):
        inside = value
    elif isinstance(value, np.ndarray) and value.dtype == object:
        inside = value.ravel().tolist()
    elif isinstance(value, dict):
        inside = list(value.values())
    elif _is_estimator(value):
        yield value
        inside = list(vars(value).values())
    else:
        return
    for each in inside:
        yield from _parts(each)


def _is_estimator(value: Any) -> bool:
    return hasattr(value, "get_params") and not isinstance(value, type)


def _looks_up_names(model: Any) -> bool:
    """Whether a part of it takes columns by their names, or hands frames to code of its own."""
    return any(type(part).__name__ in _BY_NAME for part in _parts(model))


def _stable(raw: bytes) -> bytes:
    """The same file without what differs from one process to the next.

    Skops names parts after memory addresses and stamps them with the time, so equal models would
    get different digests.
    """
    kept = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as source, zipfile.ZipFile(kept, "w") as target:
        schema = json.loads(source.read(_SCHEMA))
        numbers: dict[str, int] = {}
        _renumber(schema, numbers)
        names = {name: _renamed(name, numbers) for name in source.namelist() if name != _SCHEMA}
        for name in sorted(names, key=names.__getitem__):
            target.writestr(zipfile.ZipInfo(names[name]), source.read(name))
        target.writestr(zipfile.ZipInfo(_SCHEMA), json.dumps(schema, separators=(",", ":")))
    return kept.getvalue()


def _renumber(node: Any, numbers: dict[str, int]) -> None:
    """Number all parts in the order in which they are met."""
    if isinstance(node, list):
        for item in node:
            _renumber(item, numbers)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "__id__":
                node[key] = numbers.setdefault(str(value), len(numbers) + 1)
            elif key == "file" and isinstance(value, str):
                node[key] = _renamed(value, numbers)
            else:
                _renumber(value, numbers)


def _renamed(name: str, numbers: dict[str, int]) -> str:
    stem, dot, suffix = name.partition(".")
    return f"{numbers.setdefault(stem, len(numbers) + 1)}{dot}{suffix}"


def _unsafe(raw: bytes) -> list[str]:
    return sorted(set(skops.io.get_untrusted_types(data=raw)) - _TRUSTED)
