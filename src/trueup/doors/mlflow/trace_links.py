"""Endpoints of what traces have to do with each other, with runs and with prompts."""

from __future__ import annotations

from typing import Any

from trueup.doors.mlflow import wire
from trueup.doors.mlflow.asking import Call, invalid, missing
from trueup.doors.mlflow.experiments import number_of
from trueup.doors.mlflow.runs import run_id
from trueup.doors.mlflow.traces import MOST_AT_ONCE
from trueup.lifecycle.runs.tracking.traces import rules


def correlate(call: Call) -> dict[str, Any]:
    """How much two filters of traces go together."""
    experiments = [number_of("experiment_ids", each) for each in call.texts("experiment_ids")]
    if not experiments:
        raise missing("experiment_ids")
    found = call.workspace.traces.overlap(
        call.actor,
        experiments,
        call.filled("filter_string1"),
        call.filled("filter_string2"),
        within=call.text("base_filter", default=""),
    )
    return {
        "npmi": wire.number(rules.association(found)),
        "npmi_smoothed": wire.number(rules.association(found, 0.5)),
        "filter1_count": found.first,
        "filter2_count": found.second,
        "joint_count": found.both,
        "total_count": found.total,
    }


def link_run(call: Call) -> dict[str, Any]:
    """Say that traces belong to a run."""
    ids = call.texts("trace_ids")
    if len(ids) > MOST_AT_ONCE:
        raise invalid("trace_ids", len(ids), f"at most {MOST_AT_ONCE} may be linked at once")
    call.workspace.traces.link_run(call.actor, ids, run_id(call))
    return {}


def link_prompts(call: Call) -> dict[str, Any]:
    """Say which versions of prompts a trace used."""
    prompts = [
        f"{each.filled('name')}/{each.filled('version')}"
        for each in call.objects("prompt_versions")
    ]
    call.workspace.traces.link_prompts(call.actor, call.filled("trace_id"), prompts)
    return {}
