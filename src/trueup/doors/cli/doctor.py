"""`trueup doctor`: each check with its cure."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import BackendError
from trueup.foundation.text import plural

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "bold red")}


@click.command(cls=Command, example="trueup doctor")
@output.json_option
def command(as_json: bool) -> int:
    """Check this installation and project; each finding has its cure.

    Changes nothing. The exit code is 8 when there is a problem.
    """
    from trueup.app.doctor import examine

    findings = examine(Path.cwd())
    problems = sum(finding.state == "problem" for finding in findings)
    warnings = sum(finding.state == "warning" for finding in findings)
    if as_json:
        output.emit_json(findings)
        return BackendError.exit_code if problems else 0
    wide = max(len(finding.check) for finding in findings)
    for finding in findings:
        mark, style = _MARKS[finding.state]
        output.show(Text.assemble((f"{mark} ", style), f"{finding.check:{wide}}  ", finding.words))
        if finding.cure:
            output.show(Text.assemble(" " * (wide + 4), ("cure: ", "cyan"), (finding.cure, "bold")))
    if problems or warnings:
        words = [plural(n, w) for n, w in ((problems, "problem"), (warnings, "warning")) if n]
        output.say("\n{}.", ", ".join(words).capitalize())
    else:
        output.say("\nAll is well.")
    return BackendError.exit_code if problems else 0
