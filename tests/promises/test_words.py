"""One word per idea: the glossary fixes it, and no public name uses another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

IDEAS = (
    *("project", "plan", "goal", "risk", "milestone", "dataset", "pipeline", "step", "run"),
    *(
        "experiment",
        "model",
        "version",
        "check",
        "gate",
        "verdict",
        "release",
        "deployment",
        "prediction",
    ),
    *("feedback", "monitor", "alert", "approval", "event"),
)
ROW = re.compile(
    r"^\| \*\*(?P<word>[a-z]+)\*\* \| (?P<meaning>[^|]+) \| (?P<never>[^|]*)\|$", re.MULTILINE
)


def glossary(root: Path) -> dict[str, set[str]]:
    """Each word and the words that never stand for it."""
    text = (root / "docs" / "glossary.md").read_text(encoding="utf-8")
    return {
        match["word"]: set(re.findall(r"[a-z]+", match["never"])) for match in ROW.finditer(text)
    }


def test_the_glossary_has_every_idea_once_and_in_order(root: Path) -> None:
    assert tuple(glossary(root)) == IDEAS


def test_no_word_is_forbidden_and_wanted(root: Path) -> None:
    never = [word for words in glossary(root).values() for word in words]
    assert len(never) == len(set(never))
    assert not set(never) & set(IDEAS)


def test_no_public_name_uses_another_word(modules: list[Any], root: Path) -> None:
    instead = {other: word for word, others in glossary(root).items() for other in others}
    found = [
        f"{m.path}:{line} '{name}': say {instead[word]} instead of {word}"
        for m in modules
        for name, line in public_names(m)
        for word in words_of(name)
        if word in instead
    ]
    assert not found


def public_names(module: Any) -> Iterator[tuple[str, int]]:
    """The module's own name, its public classes and functions, and the commands it declares."""
    yield module.path.rpartition("/")[2].removesuffix(".py"), 1
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("_"):
                yield node.name, node.lineno
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(
                    ("command", "group", "option", "argument")
                ):
                    yield from ((text, node.lineno) for text in texts(decorator.args))


def texts(arguments: list[ast.expr]) -> list[str]:
    return [a.value for a in arguments if isinstance(a, ast.Constant) and isinstance(a.value, str)]


def words_of(name: str) -> set[str]:
    """The words of a name, singular too: `make_FlowRuns` has make, flow, runs, run."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    words = {part.lower() for part in parts}
    return words | {word.removesuffix("s") for word in words}


def test_words_are_found_in_any_spelling() -> None:
    assert {"task", "create", "http"} <= words_of("createTasks") | words_of("HTTPServer_x")
