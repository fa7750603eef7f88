"""`trueup run` for many runs: `--partition`, `--sweep`, `--search`, and a summary at the end."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from trueup.app.running import backfill, series, sweeping, training
from trueup.app.running.series import How, Outcome, Part
from trueup.doors.cli.runs import comparing
from trueup.doors.cli.terminal import output
from trueup.foundation.errors import UsageError, UserCodeError
from trueup.foundation.records import encode
from trueup.foundation.text import plural
from trueup.lifecycle.pipeline import rules as pipeline_rules
from trueup.lifecycle.runs.series import rules

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.doors.cli.run.series_options import Many
    from trueup.lifecycle.pipeline.decorators import Pipeline
    from trueup.lifecycle.runs.series.records import Objective


def perform(
    workspace: Workspace,
    pipeline: Pipeline[..., Any],
    given: Mapping[str, str],
    many: Many,
    how: How,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Do what was asked for, and show how it ended.

    Raises:
        UsageError: The options contradict each other or cannot be read; nothing was run.
        UserCodeError: One or more runs failed.
    """
    _check_together(many)
    if not dry_run:
        training.committed(workspace, how.actor, allow_dirty=how.allow_dirty)
    if many.partitions:
        _fill(workspace, pipeline, given, many, how, dry_run=dry_run, as_json=as_json)
        return
    objective = rules.objective(many.by, comparing.direction) if many.by else None
    if many.search:
        _search(workspace, pipeline, given, many, how, objective, dry_run, as_json)
        return
    axes = rules.axes(many.sweep)
    _check_fixed(given, axes)
    combinations = [pipeline.parse({**given, **chosen}) for chosen in rules.grid(axes)]
    if dry_run:
        _preview(axes, combinations, as_json)
        return
    how = _without_registering(how)
    told = _Told(len(combinations), list(axes), as_json)
    swept = sweeping.grid(
        workspace, how, pipeline, combinations, objective, parallel=many.parallel, told=told
    )
    _report(pipeline, swept, told, as_json)


def _check_together(many: Many) -> None:
    asked = [
        name
        for name, is_asked in (
            ("--partition", many.partitions),
            ("--sweep", many.sweep),
            ("--search", many.search),
        )
        if is_asked
    ]
    wrong = ""
    if len(asked) > 1:
        wrong = f"{' and '.join(asked)} do not go together"
    elif many.search and not many.by:
        wrong = "a search needs --by METRIC:max to know what to search for"
    elif many.space and not many.search:
        wrong = f"'{many.space[0]}' belongs to a search, but --search is missing"
    if wrong:
        raise UsageError(
            "options-contradict",
            f"The options cannot be followed: {wrong}.",
            hint="trueup run --search 30 --by METRIC:max NAME=LOW..HIGH",
        )


def _check_fixed(given: Mapping[str, str], chosen: Mapping[str, object]) -> None:
    for name in given:
        if name in chosen:
            raise UsageError(
                "options-contradict",
                f"The parameter '{name}' is both set (-p) and varied.",
                hint=f"leave out -p {name}={given[name]}",
            )


def _fill(
    workspace: Workspace,
    pipeline: Pipeline[..., Any],
    given: Mapping[str, str],
    many: Many,
    how: How,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    plan_of = functools.partial(
        backfill.plan, workspace, how, pipeline, partitions=many.partitions, again=many.again
    )
    backfill.require_partitions(pipeline)
    _check_fixed(given, {"partition": many.partitions})
    # Any partition stands in for the others while the parameters are checked.
    parameters = pipeline.parse({**given, "partition": many.partitions})
    planned = plan_of(parameters)
    if dry_run:
        rows = [(part.label, "runs") for part in planned.parts]
        rows += [(part.label, f"was done by run:{done.run}") for part, done in planned.done]
        _show_plan(("partition", "would"), sorted(rows), as_json)
        return
    told = _Told(len(planned.parts) + len(planned.done), [], as_json)
    for part, outcome in planned.done:
        told(part, outcome)
    outcomes = series.perform(workspace, how, planned.parts, many.parallel, told)
    if as_json:
        done = [outcome for _, outcome in planned.done]
        everything = sorted([*done, *outcomes], key=lambda outcome: outcome.number)
        output.emit_json({"pipeline": pipeline.name, "outcomes": everything})
    else:
        output.say("")
        output.table(
            ("partition", "state", "run", "makes", "what went wrong"),
            [
                (part.label, output.state(o.state), _run(o), o.version, o.message)
                for part, o in sorted(told.ended, key=lambda pair: pair[0].number)
            ],
        )
    again = f"trueup run {pipeline.name} --partition {many.partitions}"
    told.finish(again, f"trueup runs list --pipeline {pipeline.name}")


def _search(
    workspace: Workspace,
    pipeline: Pipeline[..., Any],
    given: Mapping[str, str],
    many: Many,
    how: How,
    objective: Objective | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    assert objective is not None, "a search without one was refused"
    known = pipeline.parameters

    def type_of(name: str) -> Any:
        if name not in known:
            read(name, "")  # says which parameters there are
        return known[name].type

    def read(name: str, text: str) -> Any:
        only = {name: known[name]} if name in known else known
        return pipeline_rules.typed(pipeline.name, only, {name: text}, from_text=True)[name]

    space = rules.space(many.space, type_of, read)
    _check_fixed(given, space)
    first = {name: _a_value(of) for name, of in space.items()}
    base = pipeline.parse({**given, **first})
    if dry_run:
        rows = [
            (name, text.partition("=")[2]) for name, text in zip(space, many.space, strict=True)
        ]
        _show_plan(("parameter", "is searched in"), rows, as_json)
        return
    told = _Told(many.search, list(space), as_json)
    swept = sweeping.search(
        workspace,
        _without_registering(how),
        pipeline,
        base,
        space,
        objective,
        trials=many.search,
        seed=many.seed,
        parallel=many.parallel,
        told=told,
    )
    _report(pipeline, swept, told, as_json)


def _a_value(of: Any) -> str:
    """Some value of what a search chooses from, as text: it only stands in for the others."""
    value = of.values[0] if hasattr(of, "values") else (int(of.low) if of.whole else of.low)
    return value if isinstance(value, str) else encode(value).decode()


def _without_registering(how: How) -> How:
    """The best becomes a model version at the end; the others would fill the registry."""
    fields = {name: getattr(how, name) for name in how.__struct_fields__}
    return How(**{**fields, "register": False})


class _Told:
    """Says of each run how it ended, and remembers."""

    def __init__(self, total: int, parameters: list[str], quiet: bool) -> None:
        self.ended: list[tuple[Part, Outcome]] = []
        self._total = total
        self._parameters = parameters
        self._quiet = quiet

    def __call__(self, part: Part, outcome: Outcome) -> None:
        self.ended.append((part, outcome))
        values = " ".join(f"{name}={part.parameters[name]}" for name in self._parameters)
        said = {"skipped": "was done before", "failed": outcome.message}
        output.say(
            "{:>4} of {}  {:<8}  {}  {}  {}",
            len(self.ended),
            self._total,
            outcome.state,
            _run(outcome),
            values or part.label,
            said.get(outcome.state, outcome.version),
        )

    def finish(self, again: str, *further: str) -> None:
        """The next steps; an error when something failed, with the command that goes on."""
        failed = [outcome for _, outcome in self.ended if outcome.state == "failed"]
        if failed and self._quiet:  # the data says what failed: a second document would spoil it
            click.get_current_context().exit(UserCodeError.exit_code)
        if failed:
            first = failed[0]
            run = f" (run:{first.run})" if first.run else ""
            raise UserCodeError(
                "series-failed",
                f"{len(failed)} of {plural(len(self.ended), 'run')} failed; the first one{run}: "
                f"{first.message}",
                hint=again,
                context={"failed": [outcome.run for outcome in failed]},
            )
        if not self._quiet:
            output.next_step(*(further or (again,)))


def _run(outcome: Outcome) -> str:
    return f"run:{outcome.run}" if outcome.run else ""


def _report(
    pipeline: Pipeline[..., Any], swept: sweeping.Swept, told: _Told, as_json: bool
) -> None:
    if as_json:
        output.emit_json(
            {
                "sweep": swept.sweep,
                "comparison": swept.comparison,
                "outcomes": [outcome for _, outcome in swept.outcomes],
                "version": swept.version,
            }
        )
    else:
        output.say("")
        comparing.show(swept.comparison)
        if swept.version is not None:
            output.say("\nThe best one is registered as [bold]{}[/].", swept.version.ref)
    first = swept.comparison.runs[0].ref if swept.comparison.runs else ""
    compare = f"trueup runs compare --sweep {swept.sweep}"
    told.finish(compare, *([f"trueup runs show {first}"] if first else []), compare)


def _preview(axes: Mapping[str, list[str]], combinations: list[Any], as_json: bool) -> None:
    rows = [tuple(combination[name] for name in axes) for combination in combinations]
    _show_plan(tuple(axes), rows, as_json)


def _show_plan(columns: tuple[str, ...], rows: list[Any], as_json: bool) -> None:
    if as_json:
        output.emit_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    output.table(columns, rows)
    output.say("\n{}. Nothing was run.", plural(len(rows), "line"))
    output.next_step("trueup run")
