"""The front door: help, near names, and errors that are always ours."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import click
import msgspec
import pytest

from trueup.doors.cli import main
from trueup.doors.cli.main import COMMANDS, cli
from trueup.doors.cli.terminal.grammar import Command, Group


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli, info_name="trueup")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield from below(name, command)


def below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A command, or the commands of a group, however deep."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    for verb, inner in command.commands.items():
        yield from below(f"{name} {verb}", inner)


ALL = dict(commands())


def test_help_lists_every_command_and_exits_well(trueup: Any) -> None:
    shown = trueup("--help")
    assert shown.code == 0
    assert all(f"  {name}" in shown.out for name in COMMANDS)


def test_no_argument_is_a_question_for_help(trueup: Any) -> None:
    assert trueup().code == 0
    assert "Commands" not in trueup("plan").err
    assert "adopt" in trueup("plan").out


def test_help_imports_no_command_and_nothing_heavy() -> None:
    heavy = ("rich", "sqlalchemy", "polars", "numpy", "msgspec", "trueup.doors.cli.run.command")
    code = (
        "import sys\nfrom trueup.doors.cli.main import run\n"
        f"run(['--help'])\nsys.exit(','.join(set(sys.modules) & {set(heavy)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("name", ALL)
def test_every_command_says_what_it_does_and_gives_an_example(name: str, trueup: Any) -> None:
    command = ALL[name]
    assert isinstance(command, Command)
    assert command.help, f"trueup {name} has no help"
    shown = trueup(*name.split(), "--help")
    assert shown.code == 0
    assert "Example:\n" in shown.out


@pytest.mark.parametrize("name", ALL)
def test_every_example_can_be_parsed(name: str) -> None:
    command = ALL[name]
    assert isinstance(command, Command)
    line = command.example.rpartition("&& ")[2]
    words = shlex.split(line)
    assert words[: 1 + len(name.split())] == ["trueup", *name.split()]
    command.make_context(name, words[1 + len(name.split()) :], resilient_parsing=False)


@pytest.mark.parametrize("name", ALL)
def test_every_command_can_print_json(name: str) -> None:
    assert "--json" in {option for parameter in ALL[name].params for option in parameter.opts}


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [("stauts", "trueup status"), ("plan adpot", "trueup plan adopt"), ("qqq", "trueup --help")],
)
def test_a_mistyped_command_gets_the_near_one(mistyped: str, meant: str, trueup: Any) -> None:
    answer = trueup(*mistyped.split())
    assert answer.code == 2
    assert f"hint: {meant}\n" in answer.err
    assert answer.out == ""


def test_a_mistyped_option_gets_the_near_one(trueup: Any) -> None:
    answer = trueup("status", "--jsn")
    assert (answer.code, "Did you mean '--json'?" in answer.err) == (2, True)


def test_errors_are_json_when_asked(trueup: Any) -> None:
    answer = trueup("explain", "git-dirtty", "--json")
    problem = msgspec.json.decode(answer.out)
    assert (answer.code, problem["code"]) == (3, "explanation-not-found")
    assert answer.err == ""


def test_a_bug_of_ours_shows_no_stack_trace(
    trueup: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(main, "_called", broken)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    answer = trueup("status")
    assert answer.code == 70
    assert "ZeroDivisionError: boom" in answer.err
    assert "Traceback" not in answer.err
    (trace,) = tmp_path.glob("trueup-trace-*.txt")
    assert "Traceback" in trace.read_text()
    assert trace.stat().st_mode & 0o077 == 0


def test_ctrl_c_ends_with_130_and_a_sentence(trueup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "_called", stopped)
    answer = trueup("status")
    assert (answer.code, "Nothing is half-written" in answer.err) == (130, True)


def test_a_closed_pipe_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m trueup.doors.cli.main explain | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.replace("next: trueup explain CODE", "").strip() == ""


def test_groups_keep_the_order_of_their_verbs() -> None:
    context = click.Context(cli, info_name="trueup")
    plan = cli.get_command(context, "plan")
    assert isinstance(plan, Group)
    assert plan.list_commands(context) == ["show", "check", "adopt"]
