"""A project with some forty tracked runs of every kind, made once; and what a filter means, said
again in plain Python."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any as Anything

import pytest

from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation.actor import Actor
from trueup.lifecycle.runs.tracking.records import Point, TrackedRun, UsedDataset
from trueup.lifecycle.runs.tracking.search import plans
from trueup.state.query.tree import All, Any, Comparison, Field, Node, Not, Order

PLAN = '[project]\nname = "tracked"\nobjective = "Show what is tracked"\n'
OLGA = Actor(name="olga")
NUMBERS = (-1.0, 0.0, 0.5, 2.0, 1e300, float("nan"), float("inf"))
TEXTS = ("", "a", "A", "ab", "Ab%", "a_b", "b*", "[a]", "a?", "it's", 'say "x"', "10", "9", "ä")
LARGEST = 1.7976931348623157e308


def made(folder: Path, founded: Path) -> Iterator[Workspace]:
    shutil.copytree(founded, folder / ".trueup")
    (folder / "trueup.toml").write_text(PLAN)
    with open_workspace(folder) as opened:
        opened.people.found(OLGA.name)  # in case the database is another than the copied one
        yield opened


def add_run(workspace: Workspace, dice: random.Random, experiment: int) -> str:
    """A run with whatever the dice say."""
    tracking = workspace.tracking
    run = tracking.start(
        OLGA,
        experiment,
        name=dice.choice(TEXTS),
        user=dice.choice(("ann", "Bob")),
        started_at=dice.choice((100, 100, 200, 300, 400)),
    )
    tracking.log(
        OLGA,
        run.id,
        metrics=[Point(key, dice.choice(NUMBERS), 0, 1) for key in "mn" if dice.random() < 0.7],
        params={key: dice.choice(TEXTS) for key in ("p", "odd key") if dice.random() < 0.7},
        tags={key: dice.choice(TEXTS) for key in ("t",) if dice.random() < 0.7},
    )
    if dice.random() < 0.5:
        tags = {"mlflow.data.context": dice.choice(("train", "test"))}
        used = UsedDataset(
            name=dice.choice(("d", "D")),
            digest=dice.choice(("1", "2")),
            source_type="local",
            source="x",
            tags=tags if dice.random() < 0.7 else {},
        )
        workspace.inputs.add(OLGA, run.id, datasets=[used])
    if dice.random() < 0.6:
        state = dice.choice(("finished", "failed"))
        ended = dice.choice((150, 250, 350))
        tracking.change(OLGA, run.id, state=state, ended_at=ended)  # type: ignore[arg-type]
    return run.id


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, _founded: Path) -> Iterator[Workspace]:
    """The project; tests add runs to experiment 2 only."""
    for opened in made(tmp_path_factory.mktemp("searched"), _founded):
        dice = random.Random(4)
        for name in ("one", "two"):
            opened.tracking.create_experiment(OLGA, name)
        for number in range(40):
            run_id = add_run(opened, dice, number % 2)
            if number % 8 == 0:
                opened.curation.delete_run(OLGA, run_id)
        yield opened


@pytest.fixture(params=["few", "many", "common"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways in which pages are found."""
    if request.param != "few":
        monkeypatch.setattr(plans, "MANY", 0)
    if request.param == "common":
        monkeypatch.setattr(plans, "RARE", 0)
    return str(request.param)


@pytest.fixture(scope="module")
def runs(workspace: Workspace) -> list[TrackedRun]:
    """All active runs of experiments 0 and 1."""
    return workspace.search.runs(OLGA, [0, 1]).runs


def written(tree: Node) -> str:
    """A tree as the filter that says so."""
    match tree:
        case All(parts=parts):
            return "(" + " AND ".join(written(part) for part in parts) + ")"
        case Any(parts=parts):
            return "(" + " or ".join(written(part) for part in parts) + ")"
        case Not(part=part):
            return f"NOT ({written(part)})"
        case Comparison(field=field, comparator=comparator, value=value):
            if value is None:
                return f"{named(field)} {comparator}"
            return f"{named(field)} {comparator} {said(value)}"


def named(field: Field) -> str:
    return f"{field.entity}.`{field.key}`"


def said(value: Anything) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(said(each) for each in value) + ")"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def holds(tree: Node, run: TrackedRun) -> bool:
    """Whether a run passes a filter."""
    match tree:
        case All(parts=parts):
            return all(holds(part, run) for part in parts)
        case Any(parts=parts):
            return any(holds(part, run) for part in parts)
        case Not(part=part):
            return not holds(part, run)
        case Comparison():
            values = values_of(tree.field, run)
            if tree.comparator == "IS NULL":
                return not values
            if tree.comparator == "IS NOT NULL":
                return bool(values)
            return any(compares(value, tree.comparator, tree.value) for value in values)


def compares(found: Anything, comparator: str, given: Anything) -> bool:
    match comparator:
        case "=":
            return bool(found == given)
        case "!=":
            return bool(found != given)
        case ">":
            return bool(found > given)
        case ">=":
            return bool(found >= given)
        case "<":
            return bool(found < given)
        case "<=":
            return bool(found <= given)
        case "IN":
            return found in given
        case "NOT IN":
            return found not in given
    pattern = re.escape(given).replace("%", ".*").replace("_", ".")
    flags = re.DOTALL | (re.IGNORECASE | re.ASCII if comparator == "ILIKE" else 0)
    return re.fullmatch(pattern, found, flags) is not None


def values_of(field: Field, run: TrackedRun) -> list[Anything]:
    """What a run has in a field: nothing, one value, or several."""
    match field.entity:
        case "metric":
            return [point.value for point in run.metrics if point.key == field.key]
        case "parameter":
            return [run.params[field.key]] if field.key in run.params else []
        case "tag":
            return [run.tags[field.key]] if field.key in run.tags else []
        case "dataset" if field.key == "context":
            found = [used.tags.get("mlflow.data.context") for used in run.datasets]
            return [context for context in found if context is not None]
        case "dataset":
            return [getattr(used, field.key) for used in run.datasets]
    own = {
        "run_id": run.id,
        "run_name": run.name,
        "status": run.state.upper(),
        "user_id": run.user,
        "artifact_uri": run.artifacts,
        "start_time": run.started_at,
        "end_time": run.ended_at,
    }[field.key]
    return [] if own is None else [own]


def in_order(runs: list[TrackedRun], orders: list[Order]) -> list[str]:
    """Identifiers in the order in which pages must show them."""
    listed = sorted(runs, key=lambda run: (-run.started_at, run.id))
    if any(order.field.key == "start_time" for order in orders):
        listed.sort(key=lambda run: run.id)
    for order in reversed(orders):
        ranked: list[list[tuple[Anything, TrackedRun]]] = [[], [], []]
        for run in listed:
            value = next(iter(values_of(order.field, run)), None)
            ranked[2 if value is None else 1 if value != value else 0].append((value, run))
        ranked[0].sort(key=lambda pair: pair[0], reverse=order.descending)
        listed = [run for _, run in ranked[0]]  # sorted stably: equal ones stay as they were
        listed += [run for _, run in ranked[1]] + [run for _, run in ranked[2]]
    return [run.id for run in listed]
