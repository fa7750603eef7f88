"""Sweeps: a run for each combination of parameters, or for those that a search chooses.

A sweep has the identifier of what it asks for, of the code and of the data: the same command again
goes on where it was stopped, and a search knows all that was tried before from the runs themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trueup.app.running import series
from trueup.app.running.backfill import code_of
from trueup.app.running.series import How, Outcome, Part, Told
from trueup.app.wiring import Workspace
from trueup.foundation.errors import MissingExtraError, UsageError
from trueup.foundation.identifiers import short_id
from trueup.foundation.records import builtins, encode
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.pipeline.decorators import Pipeline
from trueup.lifecycle.runs.records import Run
from trueup.lifecycle.runs.series import rules
from trueup.lifecycle.runs.series.records import Choice, Comparison, Objective, Range, Space

if TYPE_CHECKING:
    import optuna

SEED: Final = 0


class Swept(NamedTuple):
    """A sweep that has ended: its runs side by side, what failed, and the version of the best."""

    sweep: str
    comparison: Comparison
    outcomes: list[tuple[Part, Outcome]]
    version: ModelVersion | None


def grid(
    workspace: Workspace,
    how: How,
    pipeline: Pipeline[..., Any],
    combinations: Sequence[Mapping[str, Any]],
    objective: Objective | None,
    *,
    parallel: int,
    told: Told,
) -> Swept:
    """Run all combinations, but for those of this sweep that have finished.

    Args:
        workspace: The project.
        how: What all runs have in common.
        pipeline: The pipeline.
        combinations: Values of all parameters, for each run.
        objective: What makes one better than another; its best becomes a model version.
        parallel: How many at once.
        told: Called as each run has ended.
    """
    values = [builtins(dict(combination)) for combination in combinations]
    sweep = _identifier(workspace, how, pipeline, {"grid": values}, values[0])
    before = _finished(workspace, how, sweep)
    parts, outcomes = [], []
    for number, parameters in enumerate(values):
        part = _part(how, number, sweep, parameters, f"combination {number + 1} of {len(values)}")
        if (run := before.get(encode(parameters))) is not None:
            done = Outcome(number=number, state="skipped", run=run.id)
            outcomes.append((part, done))
            told(part, done)
        else:
            parts.append(part)
    by_number = {part.number: part for part in parts}
    done_now = series.perform(workspace, how, parts, parallel, told)
    outcomes += [(by_number[outcome.number], outcome) for outcome in done_now]
    return _swept(workspace, how, sweep, outcomes, objective)


def search(
    workspace: Workspace,
    how: How,
    pipeline: Pipeline[..., Any],
    fixed: Mapping[str, Any],
    space: Space,
    objective: Objective,
    *,
    trials: int,
    seed: int = SEED,
    parallel: int,
    told: Told,
) -> Swept:
    """Let Optuna choose the parameters of each run from what the runs before it reached.

    What it chooses follows from the seed and from the runs before: a search that was stopped goes
    on as it would have gone on. Several at once are chosen together, without knowing each other.

    Args:
        workspace: The project.
        how: What all runs have in common.
        pipeline: The pipeline.
        fixed: Values of all parameters; those of the space are replaced.
        space: What to choose from.
        objective: What to reach.
        trials: How many runs, those of before included.
        seed: Another seed chooses otherwise.
        parallel: How many at once.
        told: Called as each run has ended.

    Raises:
        MissingExtraError: Optuna is not installed.
    """
    study = _study(objective)
    asked = {"space": builtins(space), "by": builtins(objective), "seed": seed}
    base = builtins(dict(fixed))
    rest = {name: value for name, value in base.items() if name not in space}
    sweep = _identifier(workspace, how, pipeline, asked | {"fixed": rest}, base)
    outcomes: list[tuple[Part, Outcome]] = []
    for run in workspace.series.in_sweep(how.actor, sweep):
        if run.state in ("finished", "failed") and len(study.trials) < trials:
            _remember(workspace, how, study, space, objective, run)
            part = _part(how, len(outcomes), sweep, run.parameters, "before")
            outcomes.append((part, _of_before(part.number, run)))
            told(*outcomes[-1])
    while (number := len(study.trials)) < trials:
        chosen = []
        for ahead in range(min(max(parallel, 1), trials - number)):
            study.sampler = _sampler(seed + number + ahead)
            trial = study.ask(_distributions(space))
            parameters = base | _values(space, trial.params)
            words = f"trial {number + ahead + 1} of {trials}"
            chosen.append((trial, _part(how, number + ahead, sweep, parameters, words)))
        parts = [part for _, part in chosen]
        done = series.perform(workspace, how, parts, parallel, told)
        for (trial, part), outcome in zip(chosen, done, strict=True):
            _tell(workspace, how, study, trial, outcome, objective)
            outcomes.append((part, outcome))
    return _swept(workspace, how, sweep, outcomes, objective)


def _part(how: How, number: int, sweep: str, parameters: dict[str, Any], words: str) -> Part:
    cause = how.cause_of(f"{words} of sweep {sweep}", sweep=sweep)
    return Part(number=number, label=words, parameters=parameters, cause=cause)


def _of_before(number: int, run: Run) -> Outcome:
    if run.state == "finished":
        return Outcome(number=number, state="skipped", run=run.id)
    message = run.error.message if run.error else ""
    return Outcome(number=number, state="failed", run=run.id, message=message)


def _identifier(
    workspace: Workspace,
    how: How,
    pipeline: Pipeline[..., Any],
    asked: dict[str, Any],
    parameters: dict[str, Any],
) -> str:
    code = code_of(workspace, pipeline)
    if not code:  # what cannot be told from other code cannot be gone on with
        return short_id()
    with discovery.on_path(workspace.root):
        drawn = pipeline.draw(parameters, workspace.root)
    data = {
        name: workspace.datasets.snapshot(how.actor, name, workspace.root).digest
        for name in drawn.datasets
    }
    return rules.identifier(asked | {"pipeline": pipeline.name, "code": code, "data": data})


def _finished(workspace: Workspace, how: How, sweep: str) -> dict[bytes, Run]:
    return {
        encode(run.parameters): run
        for run in workspace.series.in_sweep(how.actor, sweep)
        if run.state == "finished"
    }


def _swept(
    workspace: Workspace,
    how: How,
    sweep: str,
    outcomes: list[tuple[Part, Outcome]],
    objective: Objective | None,
) -> Swept:
    runs = [outcome.run for _, outcome in outcomes if outcome.run and outcome.state != "failed"]
    comparison = workspace.series.compare(how.actor, runs, objective)
    version = None
    if comparison.best:
        best = workspace.runs.show(how.actor, comparison.best).run
        version = workspace.models.register(how.actor, best.id) if best.candidate else None
    return Swept(sweep, comparison, outcomes, version)


# --- Optuna


def _study(objective: Objective) -> optuna.Study:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", "search") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    directions = optuna.study.StudyDirection
    direction = directions.MAXIMIZE if objective.direction == "max" else directions.MINIMIZE
    return optuna.create_study(direction=direction, sampler=_sampler(SEED))


def _sampler(seed: int) -> optuna.samplers.BaseSampler:
    """A sampler of its own for each choice: what it chooses does not depend on how it came here."""
    import optuna

    return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def _distributions(space: Space) -> dict[str, optuna.distributions.BaseDistribution]:
    import optuna

    found: dict[str, optuna.distributions.BaseDistribution] = {}
    for name, of in space.items():
        if isinstance(of, Choice):
            found[name] = optuna.distributions.CategoricalDistribution(range(len(of.values)))
        elif of.whole:
            found[name] = optuna.distributions.IntDistribution(
                int(of.low), int(of.high), log=of.log, step=int(of.step) or 1
            )
        else:
            found[name] = optuna.distributions.FloatDistribution(
                of.low, of.high, log=of.log, step=of.step or None
            )
    return found


def _values(space: Space, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters' values: of a list, the search chooses the place."""
    return {
        name: of.values[chosen[name]] if isinstance(of, Choice) else chosen[name]
        for name, of in space.items()
    }


def _chosen(space: Space, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What the search had chosen, from the parameters of a run."""
    found = {}
    for name, of in space.items():
        value = parameters[name]
        if isinstance(of, Range):
            found[name] = value
        else:
            found[name] = [encode(v) for v in of.values].index(encode(value))
    return found


def _remember(
    workspace: Workspace,
    how: How,
    study: optuna.Study,
    space: Space,
    objective: Objective,
    run: Run,
) -> None:
    """Make a run of before part of what the search knows."""
    import optuna

    value = _reached(workspace, how, run.id, objective) if run.state == "finished" else None
    state = optuna.trial.TrialState.FAIL if value is None else optuna.trial.TrialState.COMPLETE
    study.add_trial(
        optuna.trial.create_trial(
            params=_chosen(space, run.parameters),
            distributions=_distributions(space),
            value=value,
            state=state,
        )
    )


def _tell(
    workspace: Workspace,
    how: How,
    study: optuna.Study,
    trial: optuna.Trial,
    outcome: Outcome,
    objective: Objective,
) -> None:
    import optuna

    value = None
    if outcome.state == "finished":
        value = _reached(workspace, how, outcome.run, objective)
        if value is None:
            raise UsageError(
                "metric-missing",
                f"Run {outcome.run} does not report '{objective.metric}', so there is nothing "
                "to search for.",
                hint=f"trueup runs show run:{outcome.run}",
            )
    if value is None:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(trial, value)


def _reached(workspace: Workspace, how: How, run: str, objective: Objective) -> float | None:
    return rules.value_of(objective, workspace.runs.metrics(how.actor, run))
