"""XGBoost models as JSON; files that were written as UBJ are read, too.

The library trusts its files, so every tree is checked before it sees one: a child that points
backwards would make it go round for ever, and one that points outside would make it read there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from trueup.backends.formats import _rows, _ubjson
from trueup.foundation.errors import MissingExtraError
from trueup.ports.format import Flavor, Matrix, Predictor

LARGEST: Final = 1 << 30
_ROOT: Final = 2147483647
_BOOSTERS: Final = ("gbtree", "dart", "gblinear")


class Backend:
    """The XGBoost format."""

    suffix = ".json"
    runs_code = False
    flavor = Flavor(
        "xgboost",
        {"data": "model.json", "model_class": "xgboost.core.Booster", "model_format": "json"},
        {"data": "model.json"},
        ("xgboost",),
    )

    def accepts(self, model: Any) -> bool:
        """Whether the object is a booster, or a fitted estimator around one."""
        return _rows.is_of(model, "xgboost") and (
            hasattr(model, "save_raw") or hasattr(model, "get_booster")
        )

    def dump(self, model: Any) -> bytes:
        """The model as JSON."""
        return bytes(_booster(model).save_raw(raw_format="json"))

    def load(self, raw: bytes) -> Any:
        """The model, from bytes that may come from a stranger."""
        check(raw)
        booster = _library().Booster()
        booster.load_model(bytearray(raw))
        booster.set_param({"nthread": 1})
        return booster

    def predictor(self, model: Any) -> Predictor:
        """The probability of the second class, those of several, or the prediction."""
        library = _library()
        booster = _booster(model)
        names: Sequence[str] = booster.feature_names or ()
        # An estimator that stopped early answers with its best rounds; so must the file.
        best = getattr(booster, "best_iteration", None) if booster.attr("best_iteration") else None
        rounds = (0, 0) if best is None else (0, int(best) + 1)
        # This objective answers with the number of a class; its margins hold the probabilities.
        is_decided = _objective(booster) == "multi:softmax"

        def ask(rows: Matrix) -> Any:
            given = library.DMatrix(rows, feature_names=list(names) or None, nthread=1)
            found = booster.predict(
                given, iteration_range=rounds, validate_features=False, output_margin=is_decided
            )
            return _softmax(found) if is_decided else found

        return _rows.ByPlace(ask, names)


def check(raw: bytes) -> None:
    """Refuse a file that is no sound XGBoost model.

    Raises:
        DeniedError: It is too large, not JSON or UBJ, or its trees are no trees.
    """
    if len(raw) > LARGEST:
        raise _rows.refused("xgboost", f"has {len(raw):,} bytes, more than {LARGEST:,}")
    try:
        found = _ubjson.read(raw) if raw[:2] in (b"{L", b"{i", b"{I", b"{l") else _json(raw)
        learner = found["learner"]
        features = int(learner["learner_model_param"]["num_feature"])
        booster = learner["gradient_booster"]
        if booster["name"] not in _BOOSTERS:
            raise _rows.refused("xgboost", f"names the booster '{booster['name']!s:.40}'")
        if booster["name"] != "gblinear":
            model = booster["gbtree"]["model"] if booster["name"] == "dart" else booster["model"]
            trees = model["trees"]
            groups = int(learner["learner_model_param"]["num_class"]) or 1
            targets = int(learner["learner_model_param"].get("num_target", 1))
            _check_counts(model, len(trees), max(groups, targets))
            for number, tree in enumerate(trees):
                _check_tree(number, tree, features)
    except (KeyError, TypeError, ValueError, IndexError, RecursionError, AttributeError) as error:
        raise _rows.refused(
            "xgboost", f"is not laid out like a model of XGBoost ({type(error).__name__})"
        ) from error


def _json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error


def _check_counts(model: Any, trees: int, groups: int) -> None:
    if int(model["gbtree_model_param"]["num_trees"]) != trees or len(model["tree_info"]) != trees:
        raise ValueError("the number of trees")
    if any(not 0 <= int(group) < groups for group in model["tree_info"]):
        raise ValueError("the groups of trees")
    rounds = [int(place) for place in model.get("iteration_indptr", [0, trees])]
    if rounds[0] != 0 or rounds[-1] != trees or rounds != sorted(rounds):
        raise ValueError("the rounds")


def _check_tree(number: int, tree: Any, features: int) -> None:
    parameters = tree["tree_param"]
    nodes = int(parameters["num_nodes"])
    left, right = tree["left_children"], tree["right_children"]
    split, parents = tree["split_indices"], tree["parents"]
    per_node: Iterable[Any] = (left, right, split, parents, tree["default_left"])
    kinds = tree.get("split_type") or [0] * nodes
    leaf_size = int(parameters.get("size_leaf_vector", 1) or 1)
    if (
        nodes < 1
        or any(len(values) != nodes for values in (*per_node, tree["split_conditions"], kinds))
        or leaf_size > 1
        or parents[0] not in (_ROOT, -1)
    ):
        raise _rows.refused("xgboost", f"has a tree whose nodes do not add up (tree {number})")
    reached = [0] * nodes
    for node in range(nodes):
        below = (left[node], right[node])
        if below == (-1, -1):
            continue
        if any(not node < child < nodes for child in below) or not 0 <= split[node] < features:
            raise _rows.refused(
                "xgboost", f"has a node that leads outside its tree (tree {number}, node {node})"
            )
        for child in below:
            reached[child] += 1
    if any(times > 1 for times in reached):
        raise _rows.refused("xgboost", f"has a node with two parents (tree {number})")
    _check_categories(number, tree)


def _check_categories(number: int, tree: Any) -> None:
    sizes, starts = tree.get("categories_sizes", ()), tree.get("categories_segments", ())
    nodes, kept = tree.get("categories_nodes", ()), len(tree.get("categories", ()))
    wrong = len(sizes) != len(starts) or len(sizes) != len(nodes)
    if wrong or any(a < 0 or b < 0 or a + b > kept for a, b in zip(starts, sizes, strict=True)):
        raise _rows.refused("xgboost", f"has categories that do not add up (tree {number})")


def _objective(booster: Any) -> str:
    learner = msgspec.json.decode(booster.save_config())["learner"]
    return str(learner["objective"]["name"])


def _softmax(margins: Any) -> Any:
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _booster(model: Any) -> Any:
    return model.get_booster() if hasattr(model, "get_booster") else model


def _library() -> Any:
    try:
        import xgboost
    except ModuleNotFoundError as error:
        raise MissingExtraError("xgboost", "xgboost") from error
    return xgboost
