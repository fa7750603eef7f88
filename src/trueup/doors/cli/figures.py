"""The figures of a release that is tried out, as a table: what is proven, and what is not yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trueup.doors.cli.terminal import output

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.foundation.actor import Actor
    from trueup.lifecycle.releases.judging.records import Figure, Look
    from trueup.lifecycle.releases.records import Release

_COLUMNS = ("metric", "outcome", "new", "beside it", "difference", "margin", "rows")


def newest(workspace: Workspace, actor: Actor, releases: Sequence[Release]) -> list[Look]:
    """The looks at the newest release that took traffic beside another one."""
    for release in sorted(releases, key=lambda each: -each.number):
        if looks := workspace.decisions.of_release(actor, release.deployment, release.number):
            return looks
    return []


def show(looks: Sequence[Look]) -> None:
    """Print the newest look."""
    if not looks:
        return
    decision = looks[-1].decision
    output.blank()
    output.table(_COLUMNS, [_row(figure) for figure in decision.figures])
    output.say("{}: {}", decision.action, decision.words)


def _row(figure: Figure) -> tuple[object, ...]:
    between = ""
    if figure.low is not None or figure.high is not None:
        between = f"{_said(figure, figure.low, '+')} to {_said(figure, figure.high, '+')}"
    name = f"{figure.metric} *" if figure.required else figure.metric
    return (
        name,
        figure.outcome,
        _said(figure, figure.new),
        _said(figure, figure.control),
        between,
        _said(figure, figure.margin),
        f"{figure.rows:,} / {figure.control_rows:,}",
    )


def _said(figure: Figure, value: float | None, sign: str = "") -> str:
    if value is None:
        return "?" if sign else ""
    if figure.unit == "share":
        return f"{value:{sign}.2%}"
    if figure.unit == "seconds":
        return f"{value * 1000:{sign}.3g} ms"
    return f"{value:{sign}.4g}"
