"""Names in code: which globals a function reads, what they stand for now, what a class defines."""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import importlib
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, Final

from trueup.lifecycle.pipeline import origin
from trueup.lifecycle.pipeline.code import syntax
from trueup.lifecycle.pipeline.code.syntax import Unclear
from trueup.lifecycle.pipeline.decorators import pipeline, step

_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})

MISSING: Final = object()


def follow(chain: tuple[str, ...], scope: dict[str, Any]) -> tuple[str, Any]:
    """What a name stands for; modules are followed to the attribute that is used."""
    value = scope.get(chain[0], getattr(builtins, chain[0], MISSING))
    used = chain[0]
    for name in chain[1:]:
        if not isinstance(value, types.ModuleType):
            break
        value = getattr(value, name, MISSING)
        used += f".{name}"
    return used, value


def ours_in(scope: dict[str, Any]) -> Callable[[ast.AST], bool]:
    """A test whether a decorator is Trueup's own `step` or `pipeline`."""

    def is_ours(decorator: ast.AST) -> bool:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        chain = next(iter(syntax.chains([target])), ("",))
        return follow(chain, scope)[1] in (step, pipeline)

    return is_ours


def globals_read(code: types.CodeType) -> set[str]:
    """The global names that a function and the functions inside it read."""
    found: set[str] = set()
    for inner in _nested(code):
        if "__subclasses__" in inner.co_names:
            raise Unclear("it looks for subclasses, which any module can add")
        for instruction in dis.get_instructions(inner):
            if instruction.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
                raise Unclear(
                    f"it changes the global '{instruction.argval}', "
                    "which a reused result would not do"
                )
            if instruction.opname in _READS:
                found.add(instruction.argval)
    return found


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


def accessors(value: Any) -> tuple[Any, ...]:
    """The functions behind a property."""
    if isinstance(value, property):
        return value.fget, value.fset, value.fdel
    return (value.func,)


def is_own_code(value: Any) -> bool:
    """Whether a class attribute is a function with a source, also behind a descriptor."""
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    if isinstance(value, property | functools.cached_property):
        return any(is_own_code(accessor) for accessor in accessors(value))
    return isinstance(value, types.FunctionType) and origin.is_first_party(
        value.__code__.co_filename
    )


_BOOKKEEPING = (types.MemberDescriptorType, types.GetSetDescriptorType)


def members(cls: type, node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    """The attributes of a class that count by value: its functions, and all data it holds.

    Data counts wherever it was assigned, in the body or after it. What a `def` or `class` in
    the body made is in the body's tree; what Python or a decorator added follows from it.
    """
    defined = {
        statement.name
        for statement in node.body
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    for name, value in vars(cls).items():
        if is_own_code(value):
            yield name, value
        elif name in defined or name.startswith("_abc_") or isinstance(value, _BOOKKEEPING):
            continue
        elif not _is_hidden(name) and not _is_generated(value):
            yield name, value


def _is_hidden(name: str) -> bool:
    return len(name) > 1 and name[0] == "_" == name[-1]  # __module__, _member_map_


def _is_generated(value: Any) -> bool:
    inner = value.__func__ if isinstance(value, staticmethod | classmethod) else value
    return isinstance(inner, types.FunctionType) and inner.__code__.co_filename.startswith("<")


def _methods(cls: type) -> Iterator[types.FunctionType]:
    for value in vars(cls).values():
        inner = value.__func__ if isinstance(value, staticmethod | classmethod) else value
        inner = inner.fget if isinstance(inner, property) else inner
        if isinstance(inner, types.FunctionType) and inner.__module__ == cls.__module__:
            yield inner


def file_of(cls: type) -> str:
    """The file of a class, found through its methods."""
    return next((method.__code__.co_filename for method in _methods(cls)), "")


def scope_of(cls: type) -> dict[str, Any]:
    """The globals of a class's module."""
    loaded = sys.modules.get(cls.__module__)
    if loaded is not None:
        return vars(loaded)
    return next((method.__globals__ for method in _methods(cls)), {})


def member(module: types.ModuleType, name: str) -> Any:
    """What `from module import name` gives: an attribute, else a submodule."""
    if hasattr(module, name):
        return getattr(module, name)
    try:
        return importlib.import_module(f"{module.__name__}.{name}")
    except (Exception, SystemExit) as error:
        raise Unclear(f"'{module.__name__}' has no '{name}'") from error


def module_that_offers(method: Any) -> str:
    """The installed module that offers a bound method under its own name; empty if none does."""
    module = type(method.__self__).__module__
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None) or ""
    if loaded is None or origin.is_first_party(file):
        return ""
    return module if getattr(loaded, method.__name__, None) == method else ""


def is_defined(function: types.FunctionType, module: str) -> bool:
    """Whether an installed module holds the function under its own name: its version says all."""
    value: Any = sys.modules.get(module)
    for name in function.__qualname__.split("."):
        value = getattr(value, name, None)
    is_plain = not function.__closure__ and "<locals>" not in function.__qualname__
    return is_plain or value is function
