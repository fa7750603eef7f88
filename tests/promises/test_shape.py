"""The shape of the house: sizes, names, circles, and the same files in each stage."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grimp

LINES_AT_MOST = 500
LINES_USUALLY = 300
CATCH_ALL = {
    "base",
    "common",
    "core",
    "helper",
    "helpers",
    "misc",
    "shared",
    "tools",
    "util",
    "utils",
}
STAGES = (
    "plan",
    "data",
    "pipeline",
    "runs",
    "models",
    "gates",
    "releases",
    "serving",
    "monitoring",
    "improvement",
)
PARTS = ("records", "rules", "table", "service")
# Why a stage lacks one of the four files.
WITHOUT = {
    ("pipeline", "service"): "a pipeline is code: running it is a verb of runs",
    ("serving", "rules"): "its pure decisions stand in routing, protocol and idempotency",
}


def test_no_module_is_longer_than_500_lines(modules: list[Any], record_property: Any) -> None:
    generated = "state/migrations/versions/"
    sizes = {m.path: m.text.count("\n") for m in modules if not m.path.startswith(generated)}
    for path, size in sizes.items():
        if size > LINES_USUALLY:
            record_property(path, f"{size} lines, more than usual")
    too_long = {path: size for path, size in sizes.items() if size > LINES_AT_MOST}
    assert not too_long, "split these by idea"


def test_no_module_has_a_catch_all_name(modules: list[Any]) -> None:
    names = {m.path: set(re.split(r"[/_.]", m.path.removesuffix(".py"))) for m in modules}
    assert not {path: words & CATCH_ALL for path, words in names.items() if words & CATCH_ALL}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("trueup", cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert not list(circles(imports)), "imports inside functions and under TYPE_CHECKING count too"


def circles(imports: dict[str, set[str]]) -> Iterator[list[str]]:
    """Groups of modules of which each reaches all others, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(name: str) -> Iterator[list[str]]:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(imports.get(name, ())):
            if other not in index:
                yield from visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                yield group

    for name in sorted(imports):
        if name not in index:
            yield from visit(name)


def test_the_search_for_circles_finds_one() -> None:
    known = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert list(circles(known)) == [["b", "c"]]


def test_every_stage_has_the_same_four_files(
    root: Path, complete: Callable[[list[str]], None]
) -> None:
    lifecycle = root / "src" / "trueup" / "lifecycle"
    missing = [
        f"lifecycle/{stage}/{part}.py"
        for stage in STAGES
        for part in PARTS
        if (stage, part) not in WITHOUT and not (lifecycle / stage / f"{part}.py").exists()
    ]
    needless = [
        f"{stage}/{part}.py exists: take it off the list of exceptions"
        for stage, part in WITHOUT
        if (lifecycle / stage / f"{part}.py").exists()
    ]
    complete(missing + needless)


def test_there_is_no_stage_beyond_the_ten(root: Path) -> None:
    folders = {path.parent.name for path in root.glob("src/trueup/lifecycle/*/__init__.py")}
    assert folders <= set(STAGES)


def test_every_stage_has_its_tests(root: Path, complete: Callable[[list[str]], None]) -> None:
    complete(
        [
            f"tests/lifecycle/{stage}/test_*.py"
            for stage in STAGES
            if not list((root / "tests" / "lifecycle" / stage).rglob("test_*.py"))
        ]
    )
