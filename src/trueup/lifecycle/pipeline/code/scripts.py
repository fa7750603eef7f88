"""What a script of the project stands on: the project's files that it imports, and the packages.

The script is read and never run: imports that it computes at run time are not seen, and belong into
`depends_on`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from trueup.lifecycle.pipeline.code import packages


class Closure(NamedTuple):
    """What some Python code stands on.

    Attributes:
        files: Files of the project, relative to its folder, in order.
        libraries: Installed distributions with their versions.
        foreign: What is imported and is no file of the project.
    """

    files: tuple[str, ...]
    libraries: dict[str, str]
    foreign: tuple[str, ...] = ()


def named_in(words: Iterable[str], root: Path) -> tuple[str, ...]:
    """The files of the project that a command line names."""
    found: list[str] = []
    for word in words:
        for part in (word, word.rpartition("=")[2]):  # also --config=settings.toml
            file = _inside(root / part, root) if part and "\0" not in part else None
            if file is not None:
                found.append(file)
    return tuple(dict.fromkeys(found))


def of_files(files: Iterable[str], root: Path) -> Closure:
    """What the Python scripts among some files stand on, with the files themselves."""
    given = tuple(files)
    walk = _Walk(root)
    for file in given:
        if file.endswith(".py"):
            walk.file(root / file)
    found = tuple(dict.fromkeys([*given, *sorted(walk.files)]))
    return Closure(found, packages.of_modules(walk.foreign), tuple(sorted(walk.foreign)))


def of_code(sources: Iterable[str], folder: Path, root: Path) -> Closure:
    """What some pieces of Python code in a folder stand on; what is no Python is passed over."""
    walk = _Walk(root)
    for source in sources:
        walk.source(source, folder)
    return Closure(tuple(sorted(walk.files)), packages.of_modules(walk.foreign))


class _Walk:
    def __init__(self, root: Path) -> None:
        self._root = root
        self.files: set[str] = set()
        self.foreign: set[str] = set()

    def file(self, path: Path) -> None:
        name = _inside(path, self._root)
        if name is None or name in self.files:
            return
        self.files.add(name)
        self.source(path.read_bytes(), path.parent)

    def source(self, source: str | bytes, folder: Path) -> None:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return
        for node in ast.walk(tree):
            for level, module in _imports(node):
                self._module(module, level, folder)

    def _module(self, module: str, level: int, folder: Path) -> None:
        start = folder
        for _ in range(level - 1):
            start = start.parent
        places = (start,) if level else (folder, self._root, self._root / "src")
        parts = module.split(".") if module else []
        for place in places:
            found = list(_files_of(place, parts))
            if found:
                for file in found:
                    self.file(file)
                return
        if parts and not level:
            self.foreign.add(module)


def _files_of(place: Path, parts: list[str]) -> Iterator[Path]:
    """The files that importing a dotted name below a folder reads; the last may be a name in it."""
    for index in range(len(parts)):
        inner = place.joinpath(*parts[: index + 1])
        if inner.with_suffix(".py").is_file():
            yield inner.with_suffix(".py")
            return
        if (inner / "__init__.py").is_file():
            yield inner / "__init__.py"


def _imports(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Import):
        yield from ((0, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
        yield node.level, module
        for alias in node.names:  # the name may be a module of its own
            yield node.level, f"{module}.{alias.name}".lstrip(".")


def _inside(path: Path, root: Path) -> str | None:
    """The path relative to the project, for a file of it; None for anything else."""
    try:
        place = path.resolve()
        if not place.is_file() or not place.is_relative_to(root.resolve()):
            return None
    except (OSError, ValueError):
        return None
    relative = place.relative_to(root.resolve())
    return None if relative.parts[0] in (".trueup", ".git") else relative.as_posix()
