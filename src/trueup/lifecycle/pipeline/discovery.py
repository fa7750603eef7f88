"""Finding a project's pipelines: the files `pipelines/*.py`, imported as `pipelines.<name>`.

Each load forgets what an earlier one imported, so a long-lived process sees edited files.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from trueup.foundation.errors import NotFoundError, TrueupError, UsageError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.pipeline import origin
from trueup.lifecycle.pipeline.decorators import Pipeline
from trueup.lifecycle.pipeline.records import Place

FOLDER = "pipelines"
_loaded: set[str] = set()


def find(root: Path, name: str = "") -> Pipeline[..., Any]:
    """The pipeline of that name, else the one that makes the model of that name.

    Args:
        root: The project's folder.
        name: Pipeline or model; may be left out when the project has one pipeline.

    Raises:
        NotFoundError: There is none.
        UsageError: Several would do, or a file is wrong.
        UserCodeError: A file raised when it was imported.
    """
    known = load(root)
    if name in known:
        return known[name]
    fitting = [p for p in known.values() if not name or p.model == name]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(sorted(known)) or "none"
    if not fitting:
        words = sorted({*known, *(p.model for p in known.values() if p.model)})
        what = f"There is no pipeline '{name}'" if name else "The project has no pipeline"
        raise NotFoundError(
            "pipeline-not-found",
            f"{what} in {FOLDER}/*.py (pipelines: {names}).{did_you_mean(name, words)}",
            hint=f"trueup run {sorted(known)[0]}" if known else "trueup init",
        )
    several = ", ".join(sorted(p.name for p in fitting))
    what = f"Model '{name}' is made by several pipelines" if name else "There are several pipelines"
    raise UsageError(
        "pipeline-ambiguous", f"{what}: {several}.", hint=f"trueup run {sorted(known)[0]}"
    )


def load(root: Path) -> dict[str, Pipeline[..., Any]]:
    """All pipelines of a project by name; no files give none.

    Raises:
        UsageError: Two pipelines have one name, or a decorator is used wrongly.
        UserCodeError: A file raised when it was imported; only the user's frames are shown.
    """
    found, problems = survey(root)
    for problem in problems.values():
        raise problem
    return found


def survey(root: Path) -> tuple[dict[str, Pipeline[..., Any]], dict[str, TrueupError]]:
    """All pipelines that can be had, and what is wrong with the other files, by file."""
    root = root.resolve()
    found: dict[str, Pipeline[..., Any]] = {}
    problems: dict[str, TrueupError] = {}
    _forget()
    with on_path(root):
        files = sorted((root / FOLDER).glob("*.py"))
        if files:
            try:
                _open_package(root)
            except TrueupError as error:
                return {}, {f"{FOLDER}/__init__.py": error}
        for file in files:
            if not file.name.startswith(("_", "test_", "conftest")):
                try:
                    _collect(_import(file, root), root, found)
                except TrueupError as error:
                    problems[f"{FOLDER}/{file.name}"] = error
    return found, problems


def module(root: Path, name: str) -> ModuleType:
    """A module of the project beside its pipelines, imported anew.

    Raises:
        UsageError: Another module has that name.
        UserCodeError: It raised when it was imported.
    """
    root = root.resolve()
    _forget()
    importlib.invalidate_caches()
    at = Place(f"{name.replace('.', '/')}.py", 0)
    with on_path(root), origin.user_code("metric-failed", f"Importing {at}", root, at):
        found = importlib.import_module(name)
    if not _is_of(found, root):
        raise UsageError(
            "metric-code",
            f"The name '{name}' is taken: Python finds {getattr(found, '__file__', 'its own')}.",
            hint=f"give {at.file} another name",
        )
    return found


@contextmanager
def on_path(root: Path) -> Iterator[None]:
    """Let the project's files import each other inside the block; no bytecode files are written."""
    entry, writes = str(root.resolve()), sys.dont_write_bytecode
    before = set(sys.modules)
    sys.path.insert(0, entry)
    sys.dont_write_bytecode = True  # a __pycache__ would make the Git tree dirty
    try:
        with origin.inside(root.resolve()):
            yield
    finally:
        sys.dont_write_bytecode = writes
        if entry in sys.path:
            sys.path.remove(entry)
        _loaded.update(
            name for name in set(sys.modules) - before if _is_of(sys.modules.get(name), root)
        )


def _import(file: Path, root: Path) -> ModuleType:
    at = Place(f"{FOLDER}/{file.name}", 0)
    with origin.user_code("pipeline-import-failed", f"Importing {at}", root, at):
        return importlib.import_module(f"{FOLDER}.{file.stem}")


def _collect(module: ModuleType, root: Path, found: dict[str, Pipeline[..., Any]]) -> None:
    for value in list(vars(module).values()):
        if not isinstance(value, Pipeline) or value.function.__module__ != module.__name__:
            continue
        before = found.get(value.name)
        if before is not None and before is not value:
            first, second = (origin.of_function(p.function, root) for p in (before, value))
            raise UsageError(
                "pipeline-duplicate",
                f"Two pipelines are called '{value.name}': {first} and {second}.",
                hint=f'give one another name at {second}: @pipeline(name="…")',
            )
        found[value.name] = value


def _open_package(root: Path) -> None:
    """Make `pipelines` this project's folder, whatever else is called so on this machine."""
    importlib.invalidate_caches()
    package = ModuleType(FOLDER)
    package.__path__ = [str(root / FOLDER)]
    sys.modules[FOLDER] = package
    _loaded.add(FOLDER)
    if (root / FOLDER / "__init__.py").is_file():
        spec = importlib.util.spec_from_file_location(
            FOLDER, root / FOLDER / "__init__.py", submodule_search_locations=[*package.__path__]
        )
        assert spec is not None and spec.loader is not None
        package = importlib.util.module_from_spec(spec)
        sys.modules[FOLDER] = package
        with origin.user_code("pipeline-import-failed", f"Importing {FOLDER}/__init__.py", root):
            spec.loader.exec_module(package)


def _forget() -> None:
    for name in _loaded:
        sys.modules.pop(name, None)
    for name in [n for n in sys.modules if n == FOLDER or n.startswith(f"{FOLDER}.")]:
        del sys.modules[name]
    _loaded.clear()


def _is_of(module: ModuleType | None, root: Path) -> bool:
    file = getattr(module, "__file__", None) or ""
    return origin.is_first_party(file) and Path(file).resolve().is_relative_to(root.resolve())
