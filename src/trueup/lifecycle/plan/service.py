"""The verbs of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from trueup.foundation import configuration, toml
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.lifecycle.plan import own_metrics, rules, table, trials
from trueup.lifecycle.plan.data_demands import Schema
from trueup.lifecycle.plan.demands import AnyDemand, Behaviour
from trueup.lifecycle.plan.records import (
    AdoptedPlan,
    Connection,
    Costs,
    Plan,
    RemoteStore,
    SharedCache,
    Surroundings,
    WebhookHosts,
)
from trueup.lifecycle.plan.trials import Minimum
from trueup.people.access import guard
from trueup.people.service import set_team
from trueup.state.unit import State

if TYPE_CHECKING:
    import sqlalchemy as sa

if TYPE_CHECKING:
    from trueup.statistics.metrics import Metric

_Part = TypeVar("_Part", Plan, Surroundings)


class _File(Plan):
    """The whole of `trueup.toml`: the plan, and its surroundings."""

    remotes: dict[str, RemoteStore] = {}
    connections: dict[str, Connection] = {}
    costs: Costs = Costs()
    cache: SharedCache = SharedCache()
    webhooks: WebhookHosts = WebhookHosts()


def read(root: Path) -> Plan:
    """The plan that `trueup.toml` in `root` describes, checked.

    Raises:
        UsageError: It is no TOML, has unknown keys or wrong values, or is not sound.
    """
    file = toml.read(root / configuration.FILE, _File)
    rules.check_surroundings(_part(file, Surroundings))
    plan = _with_files(_part(file, Plan), root)
    rules.check(plan, _metrics_for(plan, root))
    return plan


def _with_files(plan: Plan, root: Path) -> Plan:
    """The plan with the rows and schemas that it names by file: its digest binds them."""
    goals = tuple(replace(g, checks=tuple(_filled(d, root) for d in g.checks)) for g in plan.goals)
    return replace(plan, goals=goals)


def _filled(demand: AnyDemand, root: Path) -> AnyDemand:
    if isinstance(demand, Schema):
        return replace(demand, text=_schema(demand.file, root))
    if not isinstance(demand, Behaviour):
        return demand
    tests = tuple(
        replace(test, rows=trials.written(root, test.rows))
        if isinstance(test, Minimum) and isinstance(test.rows, str)
        else test
        for test in demand.tests
    )
    return replace(demand, tests=tests)


def _schema(file: str, root: Path) -> str:
    place = (root / file).resolve()
    try:
        if place.is_relative_to(root.resolve()):
            return place.read_text(encoding="utf-8")
        why = "it lies outside of the project"
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
    raise UsageError(
        "plan-unsound",
        f"trueup.toml: a check of kind schema names the file {file}, which cannot be read: {why}.",
        hint="trueup data schema infer FILE",
    )


def surroundings(root: Path) -> Surroundings:
    """What the project in `root` works with, as `trueup.toml` says now.

    Raises:
        UsageError: The file is no TOML, has unknown keys, or a value is of no use.
    """
    around = _part(toml.read(root / configuration.FILE, _File), Surroundings)
    rules.check_surroundings(around)
    return around


def _part(file: _File, kind: type[_Part]) -> _Part:
    return kind(**{name: getattr(file, name) for name in kind.__struct_fields__})


def address(plan: Plan, root: Path | None = None) -> tuple[str, dict[str, str]]:
    """The digest that a plan would be adopted under, and the fingerprints of its metrics' code.

    Args:
        plan: The plan.
        root: The project, where the plan measures by functions of it.
    """
    names = rules.metrics_of(plan)
    if not names:
        return rules.plan_digest(plan, {}), {}
    from trueup.statistics import metrics

    prints = {
        name: own_metrics.fingerprint(root, name)
        if metrics.is_own(name)
        else metrics.fingerprint(metrics.METRICS[name])
        for name in names
    }
    return rules.plan_digest(plan, prints), prints


class Plans:
    """Which plan is in force, and which were.

    Args:
        state: Where they are kept.
        root: The project, where plans measure by functions of it.
    """

    def __init__(self, state: State, root: Path | None = None) -> None:
        self._state = state
        self._root = root

    def adopt(self, actor: Actor, plan: Plan, commit: str = "") -> AdoptedPlan:
        """Put a plan in force; the same content again changes nothing.

        Raises:
            UsageError: The plan is not sound.
        """
        rules.check(plan, _metrics_for(plan, self._root))
        digest, prints = address(plan, self._root)
        with self._state.read(actor) as connection:
            before = table.current(connection)
        if before is not None and before.digest == digest:
            return before
        with self._state.write(actor, "plan.write") as unit:
            before = table.current(unit.connection)
            if before is not None and before.digest == digest:
                return before
            drops = before is not None and rules.drops_approval(before.plan, plan)
            if drops or rules.lets_code_run(before.plan if before else None, plan):
                # Whoever needs a second person's yes must not do away with it by the plan, nor
                # let their own code into the server.
                guard(unit.connection, actor, "people.write")
            adopted = AdoptedPlan(
                version=before.version + 1 if before else 1,
                digest=digest,
                plan=plan,
                metrics=prints,
                adopted_by=actor.name,
                adopted_at=unit.at,
                commit=commit,
            )
            table.insert(unit.connection, adopted)
            unit.emit(
                "plan.adopted",
                f"plan:{adopted.version}",
                before=before.digest if before else "",
                after=digest,
                data={"commit": commit, "goals": [goal.id for goal in plan.goals]},
            )
            set_team(unit, plan.team)
            return adopted

    def current(self, actor: Actor) -> AdoptedPlan:
        """The plan in force.

        Raises:
            NotFoundError: No plan was adopted yet.
        """
        with self._state.read(actor) as connection:
            return in_force(connection)


def in_force(connection: sa.Connection) -> AdoptedPlan:
    """The plan in force, read inside a transaction of the caller's.

    Raises:
        NotFoundError: No plan was adopted yet.
    """
    adopted = table.current(connection)
    if adopted is None:
        raise NotFoundError("plan-not-found", "No plan is in force yet.", hint="trueup plan adopt")
    return adopted


def _metrics_for(plan: Plan, root: Path | None) -> Mapping[str, Metric]:
    """All metrics; none for a plan that names none: they cost an import of NumPy."""
    if not plan.goals and not any(each.guard for each in plan.deployments.values()):
        return {}
    from trueup.statistics import metrics

    names = [name for name in rules.metrics_of(plan) if metrics.is_own(name)]
    if not names:
        return metrics.METRICS
    for name in names:
        own_metrics.fingerprint(root, name)
    better = {goal.metric: goal.better for goal in plan.goals}
    return metrics.beside(
        metrics.own(name, better.get(name) or "neither", _never_called) for name in names
    )


def _never_called(labels: object, scores: object) -> float:
    """What stands for the function of a project where it is named and not run."""
    raise NotImplementedError


def lets_run_code(connection: sa.Connection, model: str) -> bool:
    """Whether the plan in force lets code of this model run."""
    adopted = table.current(connection)
    return adopted is not None and model in adopted.plan.process.runs_code
