"""Endpoints that search: experiments, runs, datasets, and points of several runs at once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import starmap, zip_longest
from typing import Any, Final

from trueup.doors.mlflow import wire
from trueup.doors.mlflow.asking import Call, invalid, missing
from trueup.doors.mlflow.experiments import number_of
from trueup.doors.mlflow.failures import Refusal
from trueup.lifecycle.runs.tracking.reading import AS_TEXT, Columns
from trueup.lifecycle.runs.tracking.records import Point
from trueup.lifecycle.runs.tracking.search.service import View
from trueup.lifecycle.runs.tracking.search.vocabulary import RUNS
from trueup.state.query import fields

PAGE: Final = 1000
LARGEST_PAGE: Final = 50_000
POINTS: Final = 25_000
SAMPLES: Final = 2500
MOST_COLUMNS: Final = 2000
RUNS_AT_ONCE: Final = 100
SEARCHED_AT_ONCE: Final = 10_000
EXPERIMENTS_AT_ONCE: Final = 20

_VIEWS: Final[dict[object, View]] = {
    "ACTIVE_ONLY": "active",
    "DELETED_ONLY": "deleted",
    "ALL": "all",
    "1": "active",
    "2": "deleted",
    "3": "all",
}


def experiments(call: Call) -> dict[str, Any]:
    """One page of experiments."""
    found = call.workspace.search.experiments(
        call.actor,
        where=call.text("filter", default=""),
        order_by=call.texts("order_by"),
        view=_view(call, "view_type"),
        limit=_limit(call),
        token=call.text("page_token", default=""),
    )
    listed = (wire.experiment(each) for each in found.experiments)
    return wire.listed("experiments", listed, found.token)


def runs(call: Call) -> dict[str, Any]:
    """One page of runs; `columns` names what of them is wanted, which is everything if left out."""
    given = call.given.get("experiment_ids") or []
    if not isinstance(given, list):
        raise invalid("experiment_ids", given)
    if len(given) > SEARCHED_AT_ONCE:
        raise invalid("experiment_ids", len(given), f"at most {SEARCHED_AT_ONCE} can be searched")
    found = call.workspace.search.runs(
        call.actor,
        sorted({number_of("experiment_ids", each) for each in given}),
        where=call.text("filter", default=""),
        order_by=call.texts("order_by"),
        view=_view(call, "run_view_type"),
        limit=_limit(call),
        token=call.text("page_token", default=""),
        columns=_columns(call),
    )
    whole = zip_longest(found.runs, found.texts, fillvalue=b"")
    return wire.listed("runs", starmap(wire.run, whole), found.token)


def datasets(call: Call) -> dict[str, Any]:
    """The datasets that runs of some experiments used."""
    given = call.texts("experiment_ids")
    if not given:
        raise Refusal(
            "INVALID_PARAMETER_VALUE",
            "SearchDatasets request must specify at least one experiment_id.",
        )
    if len(given) > EXPERIMENTS_AT_ONCE:
        raise Refusal(
            "INVALID_PARAMETER_VALUE",
            f"SearchDatasets request cannot specify more than {EXPERIMENTS_AT_ONCE} "
            f"experiment_ids. Received {len(given)} experiment_ids.",
        )
    numbers = [number_of("experiment_ids", each) for each in given]
    found = call.workspace.search.datasets(call.actor, numbers)
    summaries = (
        wire.lean(
            {
                "experiment_id": str(each.experiment),
                "name": each.name,
                "digest": each.digest,
                "context": each.context,
            }
        )
        for each in found
    )
    return wire.listed("dataset_summaries", summaries)


def points(call: Call) -> dict[str, Any]:
    """The first points of one metric of several runs."""
    run_ids = call.texts("run_id")
    if not run_ids:
        raise Refusal(
            "INVALID_PARAMETER_VALUE",
            "GetMetricHistoryBulk request must specify at least one run_id.",
        )
    if len(run_ids) > RUNS_AT_ONCE:
        raise Refusal(
            "INVALID_PARAMETER_VALUE",
            f"GetMetricHistoryBulk request cannot specify more than {RUNS_AT_ONCE} run_ids. "
            f"Received {len(run_ids)} run_ids.",
        )
    key = call.text("metric_key", default="")
    if not key:
        raise Refusal(
            "INVALID_PARAMETER_VALUE", "GetMetricHistoryBulk request must specify a metric_key."
        )
    limit = min(call.whole("max_results", POINTS, low=1), POINTS)
    found = call.workspace.search.points(call.actor, run_ids, key, limit)
    return {"metrics": _of_runs(found)}


def samples(call: Call) -> dict[str, Any]:
    """Points of one metric that stand for all of them, for each of several runs."""
    run_ids = call.texts("run_ids")
    if not run_ids:
        raise missing("run_ids")
    if len(run_ids) > RUNS_AT_ONCE:
        because = (
            f"GetMetricHistoryBulkInterval request must specify at most {RUNS_AT_ONCE} run_ids. "
            f"Received {len(run_ids)} run_ids."
        )
        raise invalid("run_ids", len(run_ids), because)
    most = call.whole("max_results", SAMPLES)
    if not 1 <= most <= SAMPLES:
        raise invalid("max_results", most, f"max_results must be between 1 and {SAMPLES}.")
    key = call.filled("metric_key")
    found = call.workspace.search.samples(call.actor, run_ids, key, most, _steps(call))
    return wire.listed("metrics", _of_runs(found))


def _steps(call: Call) -> tuple[int, int] | None:
    first, last = call.whole_or_none("start_step"), call.whole_or_none("end_step")
    if first is None and last is None:
        return None
    if first is None or last is None:
        raise Refusal(
            "INVALID_PARAMETER_VALUE",
            "If either start step or end step are specified, both must be specified.",
        )
    if first > last:
        raise Refusal(
            "INVALID_PARAMETER_VALUE",
            "end_step must be greater than start_step. "
            f"Found start_step={first} and end_step={last}.",
        )
    return first, last


def _of_runs(found: Iterable[tuple[str, Point]]) -> list[wire.Metric]:
    return [wire.metric(point, run_id=run_id) for run_id, point in found]


def _view(call: Call, name: str) -> View:
    given = call.given.get(name)
    if given is None:
        return "active"
    found = _VIEWS.get(str(given))
    if found is None:
        raise invalid(name, given)
    return found


def _limit(call: Call) -> int:
    limit = call.whole("max_results", PAGE)
    if limit < 1:
        raise _refused("max_results", limit, "It must be a positive integer.")
    if limit > LARGEST_PAGE:
        raise _refused("max_results", limit, f"It must be at most {LARGEST_PAGE}.")
    return limit


def _refused(name: str, value: object, because: str) -> Refusal:
    return Refusal(
        "INVALID_PARAMETER_VALUE",
        f"Invalid value {value} for parameter '{name}' supplied. {because}",
    )


def _columns(call: Call) -> Columns:
    """What is wanted: `metrics`, `params`, `tags`, `inputs` for all, `metrics.loss` for one."""
    if call.given.get("columns") is None:
        return AS_TEXT
    wanted: dict[str, set[str] | None] = {"metric": set(), "parameter": set(), "tag": set()}
    has_inputs = False
    columns = call.texts("columns")
    if len(columns) > MOST_COLUMNS:
        raise invalid("columns", len(columns), f"at most {MOST_COLUMNS} are allowed")
    for text in columns:
        family = RUNS.prefixes.get(text, text)
        if family == "inputs":
            has_inputs = True
        elif family in wanted:
            wanted[family] = None
        elif family != "attribute":
            field = fields.field(text, RUNS)
            keys = wanted.get(field.entity)
            if keys is not None:
                keys.add(field.key)
    metrics, params, tags = (None if keys is None else frozenset(keys) for keys in wanted.values())
    return Columns(metrics=metrics, params=params, tags=tags, has_inputs=has_inputs)
