"""What the tests of promises look at: every module of the package, parsed once."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "trueup"
# Written into a user's own project, not run as part of ours.
TEMPLATES = ("app/demo/project", "app/starter")


class Module(NamedTuple):
    """One source file: its path below `src/trueup`, its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    """Every module of the package."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(TEMPLATES):
            text = path.read_text(encoding="utf-8")
            found.append(Module(name, text, ast.parse(text, name)))
    return found


@pytest.fixture(scope="session")
def complete() -> Callable[[list[str]], None]:
    """Fails if anything is left open, and lists it."""

    def judge(left_open: list[str]) -> None:
        listed = "\n  ".join(["", *left_open])
        assert not left_open, f"left open:{listed}"

    return judge
