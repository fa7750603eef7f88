"""Every model format passes the suite that Trueup ships, and skops lets no stranger's code in."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from trueup.backends.formats import _modules, _package
from trueup.foundation.errors import DeniedError, UsageError
from trueup.ports import loading
from trueup.ports.code import FORMATS, Sources, TensorModel
from trueup.ports.format import Format
from trueup.testing import formats

RANDOM = np.random.default_rng(7)
ROWS = pl.DataFrame(
    {
        "delay": np.where(RANDOM.random(200) < 0.1, np.nan, RANDOM.normal(size=200)),
        "distance": RANDOM.normal(size=200),
        "carrier": RANDOM.choice(["AA", "UA", "DL"], 200),
    }
)
LABELS = (RANDOM.random(200) < 0.4).astype(int)


def fitted(estimator: Any, encoder: Any = None) -> Any:
    numbers = Pipeline([("fill", SimpleImputer(add_indicator=True)), ("scale", StandardScaler())])
    encode = encoder or OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer(
        [("numbers", numbers, ["delay", "distance"]), ("words", encode, ["carrier"])]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a handful of rounds does not converge
        return Pipeline([("columns", columns), ("model", estimator)]).fit(ROWS, LABELS)


ORDINAL = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
MODELS: dict[str, Callable[[], Any]] = {
    "boosting": lambda: fitted(HistGradientBoostingClassifier(max_iter=5), ORDINAL),
    "boosting-early": lambda: fitted(
        HistGradientBoostingClassifier(max_iter=5, early_stopping=True)
    ),
    "boosting-old": lambda: fitted(GradientBoostingClassifier(n_estimators=3)),
    "calibrated": lambda: fitted(CalibratedClassifierCV(LogisticRegression(), cv=2)),
    "extra-trees": lambda: fitted(ExtraTreesClassifier(3)),
    "forest": lambda: fitted(RandomForestClassifier(3)),
    "linear": lambda: fitted(LogisticRegression()),
    "network": lambda: fitted(MLPClassifier((4,), max_iter=2)),
    "stochastic": lambda: fitted(SGDClassifier(loss="log_loss")),
    "tree": lambda: fitted(DecisionTreeClassifier(max_depth=3)),
    "voting": lambda: fitted(VotingClassifier([("a", LogisticRegression())], voting="soft")),
}
NUMBERS = ROWS.select("delay", "distance")


def of_xgboost() -> Any:
    xgboost = pytest.importorskip("xgboost")
    return xgboost.XGBClassifier(n_estimators=3, max_depth=3).fit(NUMBERS.to_numpy(), LABELS)


def of_lightgbm() -> Any:
    lightgbm = pytest.importorskip("lightgbm")
    parameters = {"objective": "binary", "verbosity": -1, "num_leaves": 5}
    return lightgbm.train(parameters, lightgbm.Dataset(NUMBERS.to_numpy(), LABELS), 3)


def of_onnx() -> Any:
    """A logistic regression, put together by hand."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    make, number = onnx.helper, onnx.TensorProto.FLOAT
    graph = make.make_graph(
        [
            make.make_node("IsNaN", ["rows"], ["absent"]),
            make.make_node("Where", ["absent", "zero", "rows"], ["filled"]),
            make.make_node("MatMul", ["filled", "weights"], ["sum"]),
            make.make_node("Sigmoid", ["sum"], ["probability"]),
        ],
        "logistic",
        [make.make_tensor_value_info("rows", number, [None, 2])],
        [make.make_tensor_value_info("probability", number, [None, 1])],
        [
            make.make_tensor("weights", number, [2, 1], [0.5, -1.5]),
            make.make_tensor("zero", number, [1], [0.0]),
        ],
    )
    return make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9)


HALF = b"def predict(rows):\n    return 0.5 + 0 * rows['distance']\n"
LINE = b"""
import numpy as np
class Line:
    def __init__(self, width):
        self.w = np.zeros(width)
    def state_dict(self):
        return {"w": self.w}
    def load_state_dict(self, given):
        self.w = given["w"]
    def __call__(self, rows):
        return 1 / (1 + np.exp(-np.nan_to_num(rows) @ self.w))
"""


def of_function() -> Any:
    raw = _package.write(Sources("half:predict", {"half.py": HALF}))
    return loading.load("formats", "function")().load(raw)


def of_tensors() -> Any:
    sources = Sources("line:Line", {"line.py": LINE})
    (build,) = _modules.load(sources, "line:Line")
    network = build(width=2)
    network.load_state_dict({"w": np.array([1.0, -1.0])})
    return TensorModel(sources, {"width": 2}, network)


SAMPLES: dict[str, tuple[Callable[[], Any], pl.DataFrame]] = {
    "function": (cache(of_function), ROWS),
    "lightgbm": (cache(of_lightgbm), NUMBERS),
    "onnx": (cache(of_onnx), NUMBERS),
    "safetensors": (cache(of_tensors), NUMBERS),
    "skops": (cache(MODELS["boosting"]), ROWS),
    "xgboost": (cache(of_xgboost), NUMBERS),
}


def test_every_format_is_tried() -> None:
    assert set(SAMPLES) == set(loading.names("formats"))


def test_only_those_formats_run_code_that_are_known_to_without_importing_them() -> None:
    running = {name for name in SAMPLES if loading.load("formats", name).runs_code}
    assert running == FORMATS


@pytest.mark.parametrize("prove", formats.PROOFS, ids=lambda prove: prove.__name__)
@pytest.mark.parametrize("name", loading.names("formats"))
def test_it_is_a_model_format(
    name: str, prove: Callable[[Format, Any, pl.DataFrame], None]
) -> None:
    make, rows = SAMPLES[name]
    prove(loading.load("formats", name)(), make(), rows)


def test_each_format_leaves_the_models_of_the_others_alone() -> None:
    for name, (make, _) in SAMPLES.items():
        try:
            model = make()
        except pytest.skip.Exception:
            continue
        accepted = [other for other in SAMPLES if loading.load("formats", other)().accepts(model)]
        assert accepted == [name]


@pytest.fixture
def form() -> Format:
    return loading.load("formats", "skops")()


@pytest.mark.parametrize("name", MODELS)
def test_the_usual_models_of_scikit_learn_are_kept(form: Format, name: str) -> None:
    formats.gives_the_same_scores_after_a_round_trip(form, MODELS[name](), ROWS)


def test_a_regressor_gives_its_prediction(form: Format) -> None:
    for model in (
        fitted(HistGradientBoostingRegressor(max_iter=3)),
        fitted(HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=3)),
    ):
        formats.gives_the_same_scores_after_a_round_trip(form, model, ROWS)
        formats.gives_numbers_for_each_row(form, model, ROWS)
        assert np.array_equal(form.predictor(model)(ROWS), model.predict(ROWS))


@pytest.mark.parametrize("estimator", [LogisticRegression(), RandomForestClassifier(3)], ids=repr)
def test_a_classifier_gives_the_probabilities_of_its_classes_in_their_order(
    form: Format, estimator: Any
) -> None:
    rows = ROWS.select(pl.col("delay").fill_nan(0), "distance")
    words = np.array(["dog", "ant", "cat"])[np.digitize(rows["distance"].to_numpy(), [-0.4, 0.4])]
    model = estimator.fit(rows, words)
    for prove in formats.PROOFS:
        prove(form, model, rows)
    assert np.array_equal(form.predictor(model)(rows), model.predict_proba(rows))
    assert model.classes_.tolist() == ["ant", "cat", "dog"]


def test_a_model_of_onnx_gives_all_its_numbers() -> None:
    """Probabilities of three classes as a matrix; a list of levels is the same to it."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    make, number = onnx.helper, onnx.TensorProto.FLOAT
    graph = make.make_graph(
        [
            make.make_node("MatMul", ["rows", "weights"], ["sum"]),
            make.make_node("Softmax", ["sum"], ["probabilities"]),
            make.make_node("ArgMax", ["sum"], ["label"], axis=1, keepdims=0),
        ],
        "softmax",
        [make.make_tensor_value_info("rows", number, [None, 2])],
        [
            make.make_tensor_value_info("label", onnx.TensorProto.INT64, [None]),
            make.make_tensor_value_info("probabilities", number, [None, 3]),
        ],
        [make.make_tensor("weights", number, [2, 3], [0.5, -1.5, 1.0, 0.0, 0.3, -0.2])],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9)
    rows = NUMBERS.select(pl.all().fill_nan(0))
    form = loading.load("formats", "onnx")()
    for prove in formats.PROOFS:
        prove(form, model, rows)
    sums = rows.to_numpy() @ np.array([[0.5, -1.5, 1.0], [0.0, 0.3, -0.2]])
    expected = np.exp(sums) / np.exp(sums).sum(axis=1, keepdims=True)
    assert np.allclose(form.predictor(model)(rows), expected, atol=1e-6)


class Surprise:
    """A type of the user's own, which skops would have to import and build."""


def test_a_model_with_a_stranger_inside_is_not_written(form: Format) -> None:
    model = Pipeline([("surprise", FunctionTransformer(kw_args={"a": Surprise()}))])
    with pytest.raises(UsageError, match="Surprise") as caught:
        form.dump(model)
    assert caught.value.code == "model-unsafe"


def test_a_file_with_a_stranger_inside_is_not_read(form: Format) -> None:
    raw = skops.io.dumps({"model": Surprise()})
    with pytest.raises(DeniedError, match="Surprise") as caught:
        form.load(raw)
    assert caught.value.code == "model-unsafe"


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "sklearn.utils._joblib.Parallel"])
def test_a_file_that_names_a_function_is_not_read(form: Format, name: str) -> None:
    module, _, word = name.rpartition(".")
    raw = skops.io.dumps(FunctionTransformer(func=np.log1p))
    forged = _replaced(raw, ('"numpy"', f'"{module}"'), ('"log1p"', f'"{word}"'))
    with pytest.raises(DeniedError):
        form.load(forged)


def _replaced(raw: bytes, *pairs: tuple[str, str]) -> bytes:
    """A skops file whose schema says other words: a zip with one `schema.json`."""
    import io
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as source, zipfile.ZipFile(out, "w") as target:
        for entry in source.namelist():
            content = source.read(entry)
            if entry == "schema.json":
                text = content.decode()
                for old, new in pairs:
                    text = text.replace(old, new)
                assert text != content.decode()
                content = text.encode()
            target.writestr(entry, content)
    return out.getvalue()


def test_equal_fits_give_equal_bytes() -> None:
    form: Format = loading.load("formats", "skops")()

    def seeded() -> Any:
        return fitted(HistGradientBoostingClassifier(max_iter=5, random_state=3), ORDINAL)

    one, _elsewhere_in_memory, other = seeded(), [object() for _ in range(1000)], seeded()
    assert form.dump(one) == form.dump(other)
