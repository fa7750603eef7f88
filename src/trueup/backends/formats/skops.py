"""Scikit-learn models as skops files: a zip of JSON and arrays, no pickle.

Only types that skops itself trusts are loaded, and those of the list below: scikit-learn's own,
which hold numbers and run nothing when they are put together.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import polars as pl
import skops.io

from trueup.backends.formats import _rows
from trueup.foundation.errors import DeniedError, UsageError
from trueup.ports.format import Flavor, Predictor, Scores

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
        # A model that was fitted on a matrix knows columns by their place alone.
        is_named = hasattr(model, "feature_names_in_")

        ask = model.predict_proba if hasattr(model, "predict_proba") else model.predict

        def score(rows: pl.DataFrame) -> Scores:
            if not rows.height:
                return _rows.scores([], 0)
            return _rows.scores(ask(rows if is_named else _rows.matrix(rows)), rows.height)

        return score


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
