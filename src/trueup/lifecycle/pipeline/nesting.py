"""Lists and dicts that hold themselves, or are nested too deep: no file can say them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

LEVELS: Final = 200  # how deep plain data may be nested: readers of JSON have a limit too
_BY_NUMBER: Final = (
    "write each part once, in a list, and name the others by their number: "
    '{"nodes": ["a", "b"], "edges": [[0, 1], [1, 0]]}'
)
_FLAT: Final = (
    "write its levels as one list, each part with the number of the one above it: "
    '[{"name": "a", "above": None}, {"name": "b", "above": 0}]'
)


class Endless(Exception):
    """A value that goes on inside itself, or too deep.

    Args:
        where: The path to it in the value.
        problem: What is wrong there.
        cure: What to write instead.
    """

    def __init__(self, where: str, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.where = where
        self.problem = problem
        self.cure = cure


def check(value: Any) -> None:
    """Refuse lists and dicts that hold themselves, or are nested too deep to be read again.

    Raises:
        Endless: They do.
    """
    if not _holds_values(value):
        return
    path: list[tuple[Any, Any]] = [("", value)]
    open_ = {id(value)}
    iterators = [_inner(value)]
    while iterators:
        step = next(iterators[-1], None)
        if step is None:
            iterators.pop()
            open_.discard(id(path.pop()[1]))
            continue
        path.append(step)
        if id(step[1]) in open_:
            raise Endless(_shown(path), "holds itself", _BY_NUMBER)
        if len(path) > LEVELS:
            raise Endless(_shown(path), f"is nested more than {LEVELS} levels deep", _FLAT)
        open_.add(id(step[1]))
        iterators.append(_inner(step[1]))


def _holds_values(value: Any) -> bool:
    return type(value) in (list, tuple, dict) or isinstance(value, Mapping)


def _inner(value: Any) -> Iterator[tuple[Any, Any]]:
    """The lists and dicts directly inside one."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    return ((key, item) for key, item in pairs if _holds_values(item))


def _shown(path: list[tuple[Any, Any]]) -> str:
    steps = [f"[{key!r}]" for key, _ in path[1:]]
    return "".join(steps) if len(steps) <= 8 else "".join([*steps[:6], "…", *steps[-1:]])
