"""From a loaded function or class to its syntax tree, without positions, docstrings, comments.

What is loaded must be what the file says now: a file edited since it was imported would give new
code's name to old code's results, so it is refused.
"""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from trueup.foundation.records import encode
from trueup.lifecycle.pipeline import origin


class Unclear(Exception):
    """Why something cannot be fingerprinted, in words that finish `because …`."""


class Parsed(NamedTuple):
    """One source file: its tree, and what it defines."""

    tree: ast.Module
    functions: dict[tuple[str, int], list[ast.AST]]
    classes: dict[str, list[ast.ClassDef]]
    codes: dict[tuple[str, int], list[CodeType]]


Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_HAS_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_SKIPPED = frozenset({"ctx", "type_comment", "type_ignores", "kind"})


def parsed(file: str) -> Parsed:
    """The file as it is now.

    Raises:
        Unclear: It cannot be read or compiled.
    """
    try:
        if origin.is_cell(file):
            return _parsed_text(file, "".join(linecache.getlines(file)))
        status = Path(file).stat()
        return _parsed(file, status.st_mtime_ns, status.st_size)
    except (OSError, SyntaxError, ValueError) as error:
        raise Unclear(f"the file {Path(file).name} cannot be read: {error}") from error


def of_function(function: FunctionType) -> Function:
    """The tree of a loaded function.

    Raises:
        Unclear: It has no source, its file has changed since, or two functions share its line.
    """
    code = function.__code__
    source = parsed(code.co_filename)
    place = (code.co_name, code.co_firstlineno)
    nodes = source.functions.get(place, [])
    if len(nodes) > 1:
        what = "lambdas" if code.co_name == "<lambda>" else "functions"
        raise Unclear(f"two {what} stand on line {place[1]} of {Path(code.co_filename).name}")
    if not nodes or code not in source.codes.get(place, []):
        raise Unclear(f"{Path(code.co_filename).name} has changed since it was imported")
    return nodes[0]  # type: ignore[return-value]


def of_class(cls: type, file: str) -> ast.ClassDef:
    """The tree of a loaded class.

    Raises:
        Unclear: The file has no such class, or several.
    """
    nodes = parsed(file).classes.get(cls.__qualname__, [])
    if len(nodes) != 1:
        count = "not" if not nodes else "more than once"
        raise Unclear(f"class '{cls.__qualname__}' is defined {count} in {Path(file).name}")
    return nodes[0]


def of_module(file: str) -> ast.Module:
    """The tree of a whole file."""
    return parsed(file).tree


def dump(node: ast.AST, is_ours: Callable[[ast.AST], bool]) -> bytes:
    """The tree as bytes that depend on behaviour alone.

    Args:
        node: The tree.
        is_ours: Whether a decorator is Trueup's own; those are left out.
    """
    return encode(_plain(node, is_ours))


def chains(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, ...]]:
    """Every name used, with the attributes read from it: `pl.col` gives `("pl", "col")`."""
    for node in nodes:
        yield from _chains(node)


def imports(node: ast.AST) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Every import in a function: module, dots before it, names (none for a plain import)."""
    for found in ast.walk(node):
        if isinstance(found, ast.Import):
            for alias in found.names:
                yield alias.name, 0, ()
        elif isinstance(found, ast.ImportFrom):
            yield found.module or "", found.level, tuple(alias.name for alias in found.names)


def signature_nodes(node: Function) -> list[ast.AST]:
    """Annotations and decorators: what a function's head mentions."""
    heads: list[ast.AST | None] = []
    if not isinstance(node, ast.Lambda):
        heads += [*node.decorator_list, node.returns]
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
        heads += [argument.annotation for argument in every]
    return [head for head in heads if head is not None]


@lru_cache(maxsize=512)
def _parsed(file: str, _mtime_ns: int, _size: int) -> Parsed:
    return _indexed(file, Path(file).read_bytes())


@lru_cache(maxsize=512)
def _parsed_text(file: str, text: str) -> Parsed:
    return _indexed(file, text.encode())


def _indexed(file: str, raw: bytes) -> Parsed:
    tree = ast.parse(raw, file)
    result = Parsed(tree, {}, {}, {})
    _index(tree, "", result)
    for code in _codes(compile(raw, file, "exec", dont_inherit=True)):
        result.codes.setdefault((code.co_name, code.co_firstlineno), []).append(code)
    return result


def _index(node: ast.AST, prefix: str, result: Parsed) -> None:
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            line = min([child.lineno, *(d.lineno for d in child.decorator_list)])
            result.functions.setdefault((child.name, line), []).append(child)
            inner = f"{prefix}{child.name}.<locals>."
        elif isinstance(child, ast.Lambda):
            result.functions.setdefault(("<lambda>", child.lineno), []).append(child)
            inner = f"{prefix}<lambda>.<locals>."
        elif isinstance(child, ast.ClassDef):
            result.classes.setdefault(prefix + child.name, []).append(child)
            inner = f"{prefix}{child.name}."
        _index(child, inner, result)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _codes(constant)


def _plain(node: Any, is_ours: Callable[[ast.AST], bool]) -> Any:
    if isinstance(node, ast.AST):
        fields = {}
        for name, value in ast.iter_fields(node):
            if name in _SKIPPED or value is None or value == []:
                continue
            if name == "body" and isinstance(node, _HAS_DOCSTRING):
                value = _without_docstring(value)  # noqa: PLW2901
            if name == "decorator_list":
                value = [d for d in value if not is_ours(d)]  # noqa: PLW2901
            plain = _plain(value, is_ours)
            if plain != []:
                fields[name] = plain
        return [type(node).__name__, fields]
    if isinstance(node, list):
        return [_plain(item, is_ours) for item in node]
    if isinstance(node, str) and not _has_surrogates(node):
        return node
    return [type(node).__name__, repr(node)]


def _has_surrogates(text: str) -> bool:
    """Whether JSON cannot say it: half a character, such as a byte of an odd file name."""
    return not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    has_one = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return body[1:] if has_one else body


def _chains(node: ast.AST) -> Iterator[tuple[str, ...]]:
    attributes: list[str] = []
    inner = node
    while isinstance(inner, ast.Attribute):
        attributes.append(inner.attr)
        inner = inner.value
    if isinstance(inner, ast.Name):
        yield (inner.id, *reversed(attributes))
        return
    for child in ast.iter_child_nodes(inner):
        yield from _chains(child)
