"""What `trueup run --dry-run` prints: what would run, what would be reused, why, what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from trueup.doors.cli.terminal import output
from trueup.foundation.errors import TrueupError
from trueup.foundation.text import plural, seconds
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.pipeline import rules as pipeline_rules
from trueup.rendering import words

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.lifecycle.pipeline.drawing.graph import Graph
    from trueup.lifecycle.runs.preview.records import Decision, RunPlan, StepPlan

_SHOWN: Final[dict[Decision, tuple[str, str]]] = {
    "run": ("run", "cyan"),
    "reuse": ("reuse", "green"),
    "depends": ("may run", "yellow"),
    "skip": ("skip", "dim"),
    "choose": ("choose", "dim"),
}


def show(found: RunPlan, as_json: bool) -> None:
    """Print a preview."""
    if as_json:
        output.emit_json(found)
        return
    parameters = ", ".join(f"{name}={value}" for name, value in found.parameters.items())
    output.heading(found.pipeline, parameters)
    costs = found.cost_at_most is not None
    columns = ("no", "step", "would", "about", *(("cost",) if costs else ()), "takes", "why")
    rows = [_row(number, step, costs) for number, step in enumerate(found.steps, start=1)]
    output.table(columns, rows, whole=2)
    output.say("")
    output.say("{}", _total(found))
    if 0 < found.verify_cache < 1:
        share = f"{found.verify_cache:.3%}".rstrip("0%").rstrip(".")
        output.say("Of what is reused, {} % would be computed again.", share)
    if found.without_history:
        output.say("Without history, so in no figure: {}.", ", ".join(found.without_history))
    makes = f"a version of model '{found.model}'" if found.model else "no model"
    output.say("Makes {}. Nothing was run and nothing was written.", makes)
    first = next((s.step for s in found.steps if s.decision in ("run", "depends")), "")
    more = [f"trueup explain-cache {first} --pipeline {found.pipeline}"] if first else []
    output.next_step(f"trueup run {found.pipeline}", *more)


def check(workspace: Workspace, name: str, given: Mapping[str, str], as_json: bool) -> None:
    """Look for all that is wrong with a pipeline, without a name with every one of them.

    Raises:
        UsageError: Something is wrong; all of it is named.
    """
    if not name and not given and len(discovery.load(workspace.root)) > 1:
        _check_all(workspace, as_json)
        return
    pipeline = discovery.find(workspace.root, name)
    parameters = pipeline.parse(given)
    from trueup.app.running.precheck import checked, uncached

    drawn = checked(workspace, workspace.owner, pipeline, parameters)
    notes = uncached(workspace, drawn)
    if as_json:
        steps = [{"step": node.name, "place": str(node.at)} for node in drawn.nodes]
        about = {"pipeline": pipeline.name, "parameters": parameters, "steps": steps}
        output.emit_json(about | {"uncached": notes})
        return
    _tell(drawn, notes)
    output.next_step(f"trueup run {pipeline.name} --dry-run", f"trueup run {pipeline.name}")


def _check_all(workspace: Workspace, as_json: bool) -> None:
    """Every pipeline, with the defaults of its parameters."""
    from trueup.app.running.precheck import checked, uncached

    wrong: dict[str, TrueupError] = {}
    right = {}
    for name, pipeline in sorted(discovery.load(workspace.root).items()):
        try:
            drawn = checked(workspace, workspace.owner, pipeline, pipeline.bind({}))
        except TrueupError as error:
            wrong[name] = error
            continue
        right[name] = uncached(workspace, drawn)
        if not as_json:
            _tell(drawn, right[name])
    if wrong:
        raise pipeline_rules.wrong_pipelines(wrong)
    if as_json:
        output.emit_json([{"pipeline": name, "uncached": notes} for name, notes in right.items()])
        return
    output.next_step(f"trueup run {min(right)} --dry-run")


def _tell(drawn: Graph, notes: list[str]) -> None:
    counted = plural(sum(node.step is not None for node in drawn.nodes), "step")
    output.show(f"{drawn.pipeline}: {counted}, nothing is wrong")
    for note in notes:
        output.say("[yellow]note:[/] {}", note)


def _row(number: int, step: StepPlan, costs: bool) -> tuple[object, ...]:
    word, style = _SHOWN[step.decision]
    if step.items is not None and step.decision in ("run", "depends"):
        word += f" {step.items - step.reused_items} of {step.items}"
    cost = () if not costs else (words.cost(step.cost),)
    about = seconds(step.seconds) if step.seconds is not None else None
    taken = ", ".join(step.takes)
    from rich.text import Text

    return number, step.step, Text(word, style=style), about, *cost, taken, "; ".join(step.why)


def _total(found: RunPlan) -> str:
    ran, may = found.count("run"), found.count("depends")
    text = f"{plural(ran, 'step')} would run"
    if may:
        text += f", {may} more may"
    text += f", {found.count('reuse')} would be reused"
    if found.seconds_at_most:
        text += f"; about {seconds(found.seconds)}"
        if found.seconds_at_most > found.seconds:
            text += f" to {seconds(found.seconds_at_most)}"
        text += " of computing"
    if found.cost is not None and found.cost_at_most is not None:
        least, most = words.cost(found.cost), words.cost(found.cost_at_most)
        text += f", {least}" if least == most else f", {least} to {most}"
        text += f" {found.currency}".rstrip()
    return text + "."
