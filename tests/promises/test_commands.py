"""Every command that a hint, a page or the README tells people to type is there."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from trueup.doors.cli.main import cli

OPTION = re.compile(r"--?[a-z][a-z-]*$")


def test_commands_in_hints_exist(modules: list[Any]) -> None:
    found = [
        f"{m.path}:{line} `{text}`: {problem}"
        for m in modules
        for line, text in hints(m.tree)
        for command in commands_in([text])
        if (problem := wrong(command))
    ]
    assert not found


def test_commands_on_pages_exist(root: Path) -> None:
    pages = [
        *(root / "src/trueup/rendering/explanations").glob("*.md"),
        *(root / "docs").rglob("*.md"),
        root / "README.md",
    ]
    found = [
        f"{page.name} `{command}`: {problem}"
        for page in sorted(pages)
        for command in commands_in(page.read_text(encoding="utf-8").splitlines())
        if (problem := wrong(command))
    ]
    assert not found


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("trueup plan adopt", ""),
        ("trueup plan adpot", "there is no 'trueup plan adpot'"),
        ("trueup nonsense", "there is no 'trueup nonsense'"),
        ("trueup why flights@3 --jsn", "'trueup why' has no option --jsn"),
        ("trueup why flights@3 --json", ""),
        ("trueup --version", ""),
    ],
)
def test_a_wrong_command_is_seen(command: str, problem: str) -> None:
    assert wrong(command) == problem


def hints(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Texts given as `hint=`; what is put in at run time stands as NAME."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "hint":
            for part in (
                (node.value.body, node.value.orelse)
                if isinstance(node.value, ast.IfExp)
                else (node.value,)
            ):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.lineno, part.value
                elif isinstance(part, ast.JoinedStr):
                    pieces = [
                        v.value if isinstance(v, ast.Constant) else "NAME" for v in part.values
                    ]
                    yield part.lineno, "".join(str(piece) for piece in pieces)


def commands_in(lines: list[str]) -> Iterator[str]:
    """Whole lines that are commands, and commands in back-quotes."""
    for line in lines:
        if match := re.match(r"\s*(?:\$ )?(trueup\b[^`]*)$", line):
            yield match[1].partition("#")[0].partition("   (")[0].strip()
        yield from re.findall(r"`(trueup [^`]+)`", line)


def wrong(text: str) -> str:
    """What is wrong with a command line; empty if it could be run."""
    words = shlex.split(text, comments=True)[1:]
    command: click.Command = cli
    path = "trueup"
    context = click.Context(cli, info_name="trueup")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        path += f" {words[0]}"
        verb = getattr(command, "otherwise", "")
        if verb and words[0] not in command.list_commands(context):
            words.insert(0, verb)
        inner = command.get_command(context, words.pop(0))
        if inner is None:
            return f"there is no '{path}'"
        command = inner
    known = {name for parameter in command.get_params(context) for name in parameter.opts}
    known |= {name for p in command.get_params(context) for name in p.secondary_opts}
    for word in words:
        option = word.partition("=")[0]
        if OPTION.match(option) and option not in known:
            return f"'{path}' has no option {option}"
    return ""
