"""Name a function's code by its meaning, so two places can prove that they run the same.

The digest covers the function and everything of its own package that it calls, never comments,
docstrings or annotations. It knows nothing of metrics. Read ``metrics.py``, which it serves.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import FunctionType, ModuleType
from typing import TypeAlias

from blake3 import blake3

Definition: TypeAlias = FunctionType | type[object]

# Left out: layout, types, and fields that only newer Python versions have.
_IGNORED_FIELDS = frozenset({"annotation", "returns", "type_comment", "type_params", "kind", "ctx"})


@lru_cache(maxsize=256)
def fingerprint_of(function: Callable[..., object], *context: str) -> str:
    """Digest of a function's code and of the helpers it reaches in its own package.

    Args:
        function: A plain Python function.
        context: Words that belong to the identity, such as its public name.

    Returns:
        ``b3:`` and 64 hexadecimal digits.

    Raises:
        ValueError: If a function or class involved has no readable source, or depends on the
            variables of an enclosing function.

    Example:
        >>> fingerprint_of(fingerprint_of.__wrapped__)[:3]
        'b3:'
    """
    if not isinstance(function, FunctionType):
        raise ValueError(f"{function!r} is no plain function, so its code cannot be named")
    package = function.__module__.rpartition(".")[0] or function.__module__
    seen: dict[str, str] = {}
    waiting: list[Definition] = [function]
    while waiting:
        definition = waiting.pop()
        name = f"{definition.__module__}.{definition.__qualname__}"
        if name in seen:
            continue
        tree = _parse(definition, name)
        text = ["".join(_dump(tree))]
        for word, value in _globals_used(definition, tree):
            if isinstance(value, FunctionType | type):
                if _is_within(value.__module__, package):
                    waiting.append(value)
            elif value is None or isinstance(value, bool | int | float | str | bytes | tuple):
                text.append(f"{word}={value!r}")
        seen[name] = ";".join(text)
    code = "\n".join(f"{name}:{seen[name]}" for name in sorted(seen))
    digest: str = blake3("\0".join((*context, code)).encode()).hexdigest()
    return f"b3:{digest}"


def fingerprint_of_sources(sources: Mapping[str, ast.Module], *context: str) -> str:
    """Digest of whole source files, by their names.

    Args:
        sources: Parsed files.
        context: Words that belong to the identity, such as a public name.

    Returns:
        ``b3:`` and 64 hexadecimal digits; comments, docstrings and layout make no difference.

    Example:
        >>> one, other = (ast.parse(text) for text in ("x = 1  # why", "x  =  1"))
        >>> fingerprint_of_sources({"a": one}) == fingerprint_of_sources({"a": other})
        True
    """
    code = "\n".join(f"{name}:{''.join(_dump(sources[name]))}" for name in sorted(sources))
    digest: str = blake3("\0".join((*context, code)).encode()).hexdigest()
    return f"b3:{digest}"


def _parse(definition: Definition, name: str) -> ast.AST:
    if isinstance(definition, FunctionType) and definition.__closure__:
        raise ValueError(f"{name} depends on variables of an enclosing function: pass them in")
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(definition)))
    except (OSError, SyntaxError, TypeError) as error:
        raise ValueError(f"{name} has no readable source, so its code cannot be named") from error
    return tree


def _dump(node: object) -> Iterator[str]:
    # Not ast.dump: its text differs between Python versions for the same code.
    if isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for field, value in _fields(node):
            yield f"{field}="
            yield from _dump(value)
            yield ","
        yield ")"
    elif isinstance(node, list):
        for item in node:
            yield from _dump(item)
            yield ","
    else:
        yield repr(node)


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    for field, value in ast.iter_fields(node):
        if field in _IGNORED_FIELDS or value is None or value == []:
            continue
        if field == "body" and isinstance(value, list):
            yield field, [line for line in value if not _is_remark(line)]
        else:
            yield field, value


def _is_remark(line: ast.AST) -> bool:
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )


def _nodes(node: object) -> Iterator[ast.AST]:
    if isinstance(node, ast.AST):
        yield node
        for _, value in _fields(node):
            yield from _nodes(value)
    elif isinstance(node, list):
        for item in node:
            yield from _nodes(item)


def _globals_used(definition: Definition, tree: ast.AST) -> Iterator[tuple[str, object]]:
    known = vars(sys.modules[definition.__module__])
    for node in _nodes(tree):
        if isinstance(node, ast.Name) and node.id in known:
            value = known[node.id]
            yield node.id, inspect.unwrap(value) if callable(value) else value
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = known.get(node.value.id)
            if isinstance(module, ModuleType) and hasattr(module, node.attr):
                yield f"{node.value.id}.{node.attr}", getattr(module, node.attr)


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
