"""Every error has a code, and every code has a page that says how to mend it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trueup.foundation import errors

CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
CLASSES = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.TrueupError)
}
CARRIES_ITS_CODE = {"MissingExtraError"}


def test_every_code_has_a_page(
    raised: dict[str, set[str]], root: Path, complete: Callable[[list[str]], None]
) -> None:
    pages = {path.stem for path in pages_of(root)}
    complete(
        [
            f"rendering/explanations/{code}.md (raised in {', '.join(sorted(where))})"
            for code, where in sorted(raised.items())
            if code not in pages
        ]
    )


def test_every_page_has_a_code(
    raised: dict[str, set[str]], root: Path, complete: Callable[[list[str]], None]
) -> None:
    complete(
        [f"{page.name}: nothing raises it" for page in pages_of(root) if page.stem not in raised]
    )


def test_every_page_says_what_why_and_how(root: Path) -> None:
    wrong = []
    for page in pages_of(root):
        lines = page.read_text(encoding="utf-8").splitlines()
        if not lines or lines[0] != f"# {page.stem}":
            wrong.append(f"{page.name}: the heading must be '# {page.stem}'")
        if not 6 <= len(lines) <= 20:
            wrong.append(f"{page.name}: {len(lines)} lines; 6 to 20 will do")
    assert not wrong


def test_codes_can_be_read_from_the_source(modules: list[Any]) -> None:
    hidden = [
        f"{m.path}:{call.lineno}"
        for m in modules
        for call in calls(m.tree)
        if name_of(call) in CLASSES - CARRIES_ITS_CODE
        and not ast.unparse(call.func).startswith("click.")
        and not list(strings(first(call)))
        and ast.unparse(first(call) or ast.Constant("")).rpartition(".")[2] != "code"
    ]
    assert not hidden, "give the code as a string, or as the parameter 'code' of the function"


def test_codes_are_kebab_case(raised: dict[str, set[str]]) -> None:
    assert not [code for code in raised if not CODE.fullmatch(code)]


def test_only_our_own_errors_are_raised_on_purpose(modules: list[Any]) -> None:
    """ValueError and such are fine below the verbs; bare Exception and RuntimeError never are."""
    vague = {"Exception", "BaseException", "RuntimeError"}
    assert not [
        f"{m.path}:{node.lineno}"
        for m in modules
        for node in ast.walk(m.tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and name_of(node.exc) in vague
    ]


def pages_of(root: Path) -> list[Path]:
    return sorted((root / "src/trueup/rendering/explanations").glob("*.md"))


@pytest.fixture(scope="module")
def raised(modules: list[Any]) -> dict[str, set[str]]:
    """Each code and the files that raise it."""
    found: dict[str, set[str]] = {}
    passing_on = {name: at for m in modules for name, at in parameters_code(m.tree).items()}
    for module in modules:
        for call in calls(module.tree):
            for code in codes_in(call, passing_on):
                found.setdefault(code, set()).add(module.path)
    return found


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def name_of(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def codes_in(call: ast.Call, passing_on: dict[str, int]) -> Iterator[str]:
    """The codes that a call gives: to an error class, or to a function that passes `code` on."""
    name = name_of(call)
    has_hint = any(keyword.arg == "hint" for keyword in call.keywords)
    if name == "__init__" and len(call.args) > 1 and has_hint:  # BackendError.__init__(self, code)
        yield from strings(call.args[1])
    elif name in CLASSES - CARRIES_ITS_CODE or has_hint:
        yield from strings(first(call))
    elif name in passing_on:
        place = passing_on[name]
        yield from strings(call.args[place] if place < len(call.args) else keyword(call, "code"))


def parameters_code(tree: ast.Module) -> dict[str, int]:
    """The functions of a module that are given a code to raise, and its place."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args if argument.arg != "self"]
            names += [argument.arg for argument in node.args.kwonlyargs]
            raises = any(
                name_of(call) in CLASSES and ast.unparse(first(call) or call) == "code"
                for call in calls(node)
            )
            if "code" in names and raises:
                found[node.name] = names.index("code")
    return found


def first(call: ast.Call) -> ast.expr | None:
    return call.args[0] if call.args else keyword(call, "code")


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def strings(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from strings(node.body)
        yield from strings(node.orelse)
