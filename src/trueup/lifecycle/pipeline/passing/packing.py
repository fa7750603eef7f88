"""Models that are code of the project: a function, or tensors and the network they belong to.

The code is taken as a script's is (`code/scripts.py`): the file that defines the name, and all
files of the project that it imports. What imports itself at run time is not seen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from types import FunctionType
from typing import Any, Final

from trueup.foundation.errors import UsageError
from trueup.lifecycle.pipeline import origin
from trueup.lifecycle.pipeline.code import packages, scripts, syntax
from trueup.lifecycle.pipeline.passing import forms, handing
from trueup.ports.code import FunctionModel, Sources, TensorModel, bound

_SRC: Final = "src"


def function_model(
    predict: Callable[..., Any],
    *,
    prepare: Callable[[Mapping[str, bytes]], Any] | None = None,
    data: Mapping[str, bytes] | None = None,
    requirements: Iterable[str] = (),
) -> FunctionModel:
    """A function of the project as a model, for a step to return.

    Args:
        predict: Takes rows (a polars frame with the columns of the signature) and gives one number
            for each; with `data` or `prepare` it gets what these give as its second argument.
            Instead of a number a dict: `score`, and whatever else is said of each row, by name.
            Or a class with some of the methods `load` (gets the data), `decode`, `predict` and
            `encode`, each of which gets what the one before gave.
        prepare: Called once with the data, when the model is loaded.
        data: Files that the function needs, as bytes by name.
        requirements: Installed distributions it needs besides those that its files import.

    Raises:
        UsageError: The function is not written in a file of the project.

    Example:
        >>> from trueup import function_model
        >>> function_model(len)
        Traceback (most recent call last):
            ...
        trueup.foundation.errors.UsageError: 'len' is no function or class of the project's files.
    """
    taken = [predict] if prepare is None else [predict, prepare]
    held = dict(data or {})
    return FunctionModel(
        sources=_sources(taken, requirements),
        predict=bound(predict, prepare, held),
        prepare="" if prepare is None else _name(prepare),
        data=held,
    )


def tensor_model(
    network: Any,
    build: Callable[..., Any] | None = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    requirements: Iterable[str] = (),
) -> TensorModel:
    """A network with its tensors as a model, for a step to return.

    Args:
        network: A `torch.nn.Module`, or any object with `state_dict` and `load_state_dict` over
            NumPy arrays that is called with a matrix. One with a `predict` gets the rows instead.
        build: The class or function of the project that built it; its class if left out.
        arguments: Plain data that `build` was called with, by name.
        requirements: Installed distributions it needs besides those that its files import.

    Raises:
        UsageError: What builds it is not written in a file of the project, the arguments are no
            plain data, or they build a network with other tensors.
    """
    maker = type(network) if build is None else build
    given = dict(arguments or {})
    if not forms.is_plain(given):
        raise UsageError(
            "model-package",
            f"The arguments of '{_name(maker)}' are not plain data.",
            hint="pass numbers, text, lists and dicts, and let the class make the rest of them",
        )
    sources = _sources([maker], requirements)
    _check_built(maker, given, network)
    return TensorModel(sources=sources, arguments=given, network=network)


def _check_built(maker: Callable[..., Any], given: Mapping[str, Any], network: Any) -> None:
    """What is built again must take the same tensors; better said now than by a server."""
    try:
        fresh = _shapes(maker(**given))
    except TypeError as error:
        raise UsageError(
            "model-package",
            f"'{_name(maker)}' cannot be built again with the arguments given: {error}.",
            hint=f"tensor_model(network, arguments={{…}}) with all that {maker.__name__}(…) takes",
        ) from error
    trained = _shapes(network)
    if fresh != trained:
        odd = sorted(name for name in {*fresh, *trained} if fresh.get(name) != trained.get(name))
        raise UsageError(
            "model-package",
            f"'{_name(maker)}' builds other tensors with the arguments given: '{odd[0]}' is "
            f"{fresh.get(odd[0], 'absent')}, not {trained.get(odd[0], 'absent')}.",
            hint=f"tensor_model(network, arguments={{…}}) with what {maker.__name__}(…) was given",
        )


def _shapes(network: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _sources(taken: Iterable[Any], requirements: Iterable[str]) -> Sources:
    root = handing.root()
    files: dict[str, None] = {}
    modules: set[str] = set()
    entries = []
    for each in taken:
        entries.append(_name(each))
        closure = scripts.of_files([_file(each, root)], root)
        files |= dict.fromkeys(closure.files)
        modules |= set(closure.foreign)
    packed = {}
    for file in sorted(files):
        for name in (*_initialisers(file, root), file):
            packed[_below_src(name)] = (root / name).read_bytes()
    needed = packages.holding(modules, root)
    return Sources(
        entry=entries[0],
        files=packed,
        requirements=tuple(sorted({*(f"{n}=={v}" for n, v in needed.items()), *requirements})),
    )


def _name(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '')}:{getattr(thing, '__qualname__', repr(thing))}"


def _file(thing: Any, root: Path) -> str:
    """The file of the project that defines a function or class, and still does so."""
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    name = getattr(thing, "__qualname__", "")
    file = getattr(module, "__file__", None) or ""
    said = f"'{name or repr(thing)[:80]}'"
    place = Path(file).resolve()
    if not origin.is_first_party(file) or not place.is_relative_to(root.resolve()):
        raise _stray(f"{said} is no function or class of the project's files.")
    if getattr(module, name, None) is not thing:
        raise _stray(f"{said} is not to be had as a name of {module.__name__ if module else file}.")
    if isinstance(thing, FunctionType):
        try:
            syntax.of_function(thing)
        except syntax.Unclear as error:
            raise _stray(f"{said} cannot be kept: {error}.") from error
    relative = place.relative_to(root.resolve()).as_posix()
    expected = PurePosixPath(_below_src(relative)).with_suffix("").as_posix().replace("/", ".")
    if expected.removesuffix(".__init__") != thing.__module__:
        raise _stray(f"{said} was imported as {thing.__module__}, but lies in {relative}.")
    return relative


def _stray(message: str) -> UsageError:
    return UsageError(
        "model-package",
        message,
        hint="write it at the top level of a module of the project, such as scoring.py",
    )


def _below_src(file: str) -> str:
    return file.removeprefix(f"{_SRC}/")


def _initialisers(file: str, root: Path) -> Iterable[str]:
    """The `__init__.py` of the folders that a file lies in: importing it runs them."""
    for folder in PurePosixPath(file).parents:
        name = (folder / "__init__.py").as_posix()
        if folder.parts and (root / name).is_file():
            yield name
