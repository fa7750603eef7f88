"""LightGBM models as their text files.

The library trusts its files, so every tree is checked before it sees one: a child that points
backwards would make it go round for ever, and one that points outside would make it read there.
"""

from __future__ import annotations

from typing import Any, Final

from trueup.backends.formats import _rows
from trueup.foundation.errors import MissingExtraError
from trueup.ports.format import Flavor, Predictor

LARGEST: Final = 1 << 30
_END: Final = "end of trees"
_CATEGORICAL: Final = 1


class Backend:
    """The LightGBM format."""

    suffix = ".txt"
    runs_code = False
    flavor = Flavor(
        "lightgbm",
        {"data": "model.txt", "model_class": "lightgbm.basic.Booster"},
        {"data": "model.txt"},
        ("lightgbm",),
    )

    def accepts(self, model: Any) -> bool:
        """Whether the object is a booster, or a fitted estimator around one."""
        return _rows.is_of(model, "lightgbm") and (
            hasattr(model, "model_to_string") or hasattr(model, "booster_")
        )

    def dump(self, model: Any) -> bytes:
        """The model as text."""
        text: str = _booster(model).model_to_string()
        return text.encode()

    def load(self, raw: bytes) -> Any:
        """The model, from bytes that may come from a stranger."""
        text = check(raw)
        return _library().Booster(model_str=text)

    def predictor(self, model: Any) -> Predictor:
        """The probability of the second class, those of several, or the prediction."""
        booster = _booster(model)
        return _rows.ByPlace(
            lambda rows: booster.predict(rows, num_threads=1), booster.feature_name()
        )


def check(raw: bytes) -> str:
    """The text of a sound LightGBM model.

    Raises:
        DeniedError: It is too large, no text of LightGBM's, or its trees are no trees.
    """
    if len(raw) > LARGEST:
        raise _rows.refused("lightgbm", f"has {len(raw):,} bytes, more than {LARGEST:,}")
    try:
        text = raw.decode()
        trees, end, rest = text.partition(f"\n{_END}\n")
        head, *parts = trees.split("\nTree=")
        facts = _facts(head)
        whole = end and text.startswith("tree\n") and "\nend of parameters\n" in rest
        if not whole or facts.get("version") not in ("v3", "v4"):
            raise ValueError("the frame")
        features = int(facts["max_feature_idx"]) + 1
        if len(facts["feature_names"].split(" ")) != features:
            raise ValueError("the names")
        per_round, classes = int(facts["num_tree_per_iteration"]), int(facts["num_class"])
        if per_round < 1 or classes not in (1, per_round) or len(parts) % per_round:
            raise ValueError("the rounds")
        _check_sizes(facts["tree_sizes"], [len(f"Tree={part}\n".encode()) for part in parts])
        for number, part in enumerate(parts):
            _check_tree(number, _facts(f"Tree={part}"), features)
    except (KeyError, ValueError, IndexError) as error:
        raise _rows.refused(
            "lightgbm", f"is not laid out like a model of LightGBM ({error!s:.60})"
        ) from error
    return text


def _facts(part: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in part.splitlines() if "=" in line)
    return {name: value for name, _, value in pairs}


def _check_sizes(said: str, found: list[int]) -> None:
    """The library jumps by these numbers."""
    if [int(size) for size in said.split()] != found:
        raise ValueError("the sizes of the trees")


def _check_tree(number: int, facts: dict[str, str], features: int) -> None:
    leaves = int(facts["num_leaves"])
    if int(facts["Tree"]) != number or leaves < 1 or int(facts.get("is_linear", "0")):
        raise _rows.refused("lightgbm", f"has a tree of an unknown kind (tree {number})")
    if len(_floats(facts["leaf_value"])) != leaves:
        raise ValueError(f"leaves of tree {number}")
    if leaves == 1:
        return
    left, right = _wholes(facts["left_child"]), _wholes(facts["right_child"])
    split, kinds = _wholes(facts["split_feature"]), _wholes(facts["decision_type"])
    limits = _floats(facts["threshold"])
    if any(len(values) != leaves - 1 for values in (left, right, split, kinds, limits)):
        raise ValueError(f"nodes of tree {number}")
    sets = _categories(facts)
    seen: set[int] = set()
    for node in range(leaves - 1):
        for child in (left[node], right[node]):
            # Nodes count up from 0; a leaf is said as the complement of its number.
            inside = node < child < leaves - 1 if child >= 0 else ~child < leaves
            if not inside or child in seen:
                raise _rows.refused(
                    "lightgbm", f"has a node that leads astray (tree {number}, node {node})"
                )
            seen.add(child)
        if not 0 <= split[node] < features:
            raise ValueError(f"columns of tree {number}")
        if kinds[node] & _CATEGORICAL and not (
            limits[node].is_integer() and 0 <= limits[node] < sets
        ):
            raise ValueError(f"categories of tree {number}")


def _categories(facts: dict[str, str]) -> int:
    """How many sets of categories a tree has; their bounds are checked."""
    sets = int(facts["num_cat"])
    if sets:
        bounds, words = _wholes(facts["cat_boundaries"]), _wholes(facts["cat_threshold"])
        if (
            len(bounds) != sets + 1
            or bounds[0] != 0
            or bounds != sorted(bounds)
            or bounds[-1] != len(words)
        ):
            raise ValueError("the bounds of categories")
    return sets


def _wholes(text: str) -> list[int]:
    return [int(word) for word in text.split()]


def _floats(text: str) -> list[float]:
    return [float(word) for word in text.split()]


def _booster(model: Any) -> Any:
    return model.booster_ if hasattr(model, "booster_") else model


def _library() -> Any:
    try:
        import lightgbm
    except ModuleNotFoundError as error:
        raise MissingExtraError("lightgbm", "lightgbm") from error
    return lightgbm
