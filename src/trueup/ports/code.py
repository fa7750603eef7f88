"""Models that are code of a project: its source files, and what they are to be called with.

Formats write and read them as bytes. Building one from a function or class of the project is done
in `lifecycle/pipeline/passing/packing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# Trueup's own formats of such models, to be known without importing what they stand on.
STAGES: Final = ("decode", "predict", "encode")
"""Methods of a predictor that is a class, each on what the one before gave; any may be left out."""
FORMATS: Final = frozenset({"function", "safetensors"})


@dataclass(frozen=True)
class Sources:
    """Some files of a project, and the names in them that are asked for.

    Attributes:
        entry: What is called, as `module:name`.
        files: Python source by its path below the folder that imports begin at.
        requirements: Installed distributions that the files import, as `name==version`.
    """

    entry: str
    files: Mapping[str, bytes]
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class FunctionModel:
    """A function of the project that answers rows, with the files of data that it reads.

    Attributes:
        sources: Its code; the entry is the function.
        predict: Rows in, one number a row out.
        prepare: What makes of the data what the function gets besides the rows; empty for nothing.
        data: Bytes by name.
    """

    sources: Sources
    predict: Callable[..., Any] = field(compare=False)
    prepare: str = ""
    data: Mapping[str, bytes] = field(default_factory=dict)

    def __call__(self, rows: Any) -> Any:
        """What the function answers."""
        return self.predict(rows)


def bound(
    function: Callable[..., Any],
    prepare: Callable[[Mapping[str, bytes]], Any] | None,
    data: Mapping[str, bytes],
) -> Callable[[Any], Any]:
    """The function of rows alone: what it gets besides them is made once, here.

    Args:
        function: Takes the rows, and the data when there is any. Or a class of `STAGES`.
        prepare: Makes of the data what the function gets instead of it.
        data: Bytes by name.
    """
    if isinstance(function, type):
        return _staged(function(), data if prepare is None else prepare(data))
    if prepare is None and not data:
        return function
    beside = data if prepare is None else prepare(data)
    return lambda rows: function(rows, beside)


def _staged(predictor: Any, beside: Any) -> Callable[[Any], Any]:
    """What an object with some of `STAGES` answers."""
    load = getattr(predictor, "load", None)
    if load is not None:
        load(beside)
    stages = [getattr(predictor, name) for name in STAGES if hasattr(predictor, name)]
    if not stages:
        raise TypeError(f"{type(predictor).__name__} has none of {', '.join(STAGES)}")

    def answer(rows: Any) -> Any:
        for stage in stages:
            rows = stage(rows)
        return rows

    return answer


@dataclass(frozen=True)
class TensorModel:
    """Tensors, and the class or function of the project that builds what they belong to.

    Attributes:
        sources: The code; the entry builds the network.
        arguments: Plain data that it is built with, by name.
        network: The network, with its tensors.
    """

    sources: Sources
    arguments: Mapping[str, Any]
    network: Any = field(compare=False)

    def __call__(self, *inputs: Any) -> Any:
        """What the network answers."""
        return self.network(*inputs)
