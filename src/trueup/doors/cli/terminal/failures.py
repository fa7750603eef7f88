"""How an error looks: what, why, and a command that mends it. Never a stack trace."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from typing import Any

import click

from trueup.foundation.errors import InternalError, TrueupError, UsageError
from trueup.foundation.records import encode
from trueup.foundation.text import visible


def show(error: TrueupError, *, as_json: bool) -> None:
    """Print an error: the same JSON as over HTTP, or a few lines for people."""
    if as_json:
        click.echo(encode(error.as_problem()).decode())
        return
    lines = [f"{_paint('error:', fg='red', bold=True)} {visible(error.message)}"]
    lines += [_frame(frame) for frame in error.context.get("frames", [])]
    lines += [_paint(f"       | {line}", dim=True) for line in error.context.get("log", [])]
    if error.hint:
        lines += ["", f"{_paint(' hint:', fg='cyan', bold=True)} {visible(error.hint)}"]
    lines.append(_paint(f" more: trueup explain {error.code}", dim=True))
    click.echo("\n".join(lines), err=True, color=_in_colour())


def explained(error: Exception) -> TrueupError:
    """Any exception as an error of ours."""
    if isinstance(error, TrueupError):
        return error
    return _mistyped(error) if isinstance(error, click.ClickException) else _unexpected(error)


def _mistyped(error: click.ClickException) -> UsageError:
    """A command line that click refused, as an error of ours."""
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx else "trueup"
    message = error.format_message()
    return UsageError(
        "command-line",
        message if message.endswith((".", "?", ")")) else f"{message}.",
        hint=getattr(error, "hint", None) or f"{path} --help",
    )


def _unexpected(error: Exception) -> InternalError:
    """A bug of ours as an error for people; the trace goes to a file that a report can carry."""
    handle, name = tempfile.mkstemp(prefix="trueup-trace-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    return InternalError(
        "internal",
        f"Trueup failed in a way it should not: {type(error).__name__}: {error}.",
        hint=f"report it with the trace in {name}",
    )


def _frame(frame: dict[str, Any]) -> str:
    place = f"       {frame['file']}:{frame['line']}  "
    return _paint(place, dim=True) + str(frame.get("text", ""))


def _paint(text: str, **style: Any) -> str:
    return click.style(text, **style) if _in_colour() else text


def _in_colour() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
