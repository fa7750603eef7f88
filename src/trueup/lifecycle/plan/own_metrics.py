"""Metrics that are functions of the project: found and named by their source, never run here.

`metrics:profit` is the function `profit` of the file `metrics.py` beside `trueup.toml`. Its address
covers that file and all files of the project which it imports, comments and layout left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from trueup.foundation.errors import UsageError
from trueup.foundation.text import did_you_mean
from trueup.statistics.fingerprints import fingerprint_of_sources

_NAME: Final = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<function>[^\W\d]\w*)")
_PARAMETERS: Final = (2, 3)


def fingerprint(root: Path | None, name: str) -> str:
    """Digest of the code of a metric of the project.

    Raises:
        UsageError: There is no such file or function, or it could not be called as a metric.
    """
    match = _NAME.fullmatch(name)
    if match is None or root is None:
        raise _wrong(name, "it is not written as module:function")
    module, function = match["module"], match["function"]
    if not _file_of(root, module):
        raise _wrong(name, f"there is no file {module.replace('.', '/')}.py in the project")
    sources: dict[str, ast.Module] = {}
    waiting = [module]
    while waiting:
        each = waiting.pop()
        file = _file_of(root, each)
        if file is None or each in sources:
            continue
        sources[each] = _parsed(name, root, file)
        waiting += _imported(sources[each], each, file.stem == "__init__")
    _check_function(name, function, sources[module])
    return fingerprint_of_sources(sources, name)


def _check_function(name: str, function: str, tree: ast.Module) -> None:
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if function not in found:
        raise _wrong(name, f"its file has no function '{function}'.{did_you_mean(function, found)}")
    arguments = found[function].args
    count = len(arguments.posonlyargs) + len(arguments.args)
    if count not in _PARAMETERS or arguments.vararg or arguments.kwonlyargs:
        raise _wrong(name, "it must take (labels, scores), or (labels, scores, rows)")


def _file_of(root: Path, module: str) -> Path | None:
    inside = root.joinpath(*module.split("."))
    for file in (inside.with_suffix(".py"), inside / "__init__.py"):
        if file.is_file() and file.resolve().is_relative_to(root.resolve()):
            return file
    return None


def _parsed(name: str, root: Path, file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError) as error:
        where = file.relative_to(root).as_posix()
        line = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
        raise _wrong(name, f"{where}{line} is no Python: {error!s:.200}") from error


def _imported(tree: ast.Module, module: str, is_package: bool) -> Iterator[str]:
    """All modules that a file may import, each with the packages it lies in."""
    parts = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_packages(alias.name)
        elif isinstance(node, ast.ImportFrom):
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from _with_packages(base)
            yield from (f"{base}.{alias.name}".strip(".") for alias in node.names)


def _with_packages(module: str) -> Iterator[str]:
    parts = module.split(".")
    yield from (".".join(parts[: count + 1]) for count in range(len(parts)) if module)


def _wrong(name: str, what: str) -> UsageError:
    return UsageError(
        "metric-code",
        f"The metric '{name}' is no function of this project: {what}"
        f"{'' if what.endswith('?') else '.'}",
        hint="trueup explain metric-code",
    )
