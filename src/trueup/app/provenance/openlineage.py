"""Runs as OpenLineage events, for catalogues that read them: Marquez, DataHub and others.

A run of a pipeline is a run; its steps are runs below it. Pure functions: `sending.py`
reads the event log and sends.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from trueup import __version__
from trueup.foundation.digests import short
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.runs.records import Run, RunDetail, StepRun

PRODUCER: Final = f"https://github.com/trueup/trueup/tree/{__version__}"
_EVENT: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS: Final = "https://openlineage.io/spec/facets"
_VERSIONS: Final = {
    "DatasetVersionDatasetFacet": "1-0-1",
    "ErrorMessageRunFacet": "1-0-1",
    "JobTypeJobFacet": "2-0-3",
    "OutputStatisticsOutputDatasetFacet": "1-0-2",
    "ParentRunFacet": "1-0-1",
    "ProcessingEngineRunFacet": "1-1-1",
    "SchemaDatasetFacet": "1-1-1",
    "SourceCodeLocationJobFacet": "1-0-1",
}
_ENDS: Final = {"finished": "COMPLETE", "failed": "FAIL", "interrupted": "ABORT", "lost": "ABORT"}
_SPACE: Final = uuid.UUID("6f2ff0a6-8dd5-5c0c-9b0a-7f0f8b9f5a11")


def started(project: str, run: Run, data: Mapping[str, DatasetVersion]) -> dict[str, Any]:
    """The event that a run has begun.

    Args:
        project: Name of the project: the namespace of its pipelines.
        run: The run.
        data: The dataset versions that it reads, by name.
    """
    inputs = [_dataset(project, version) for version in data.values()]
    return _event("START", run.started_at, _run_id(run.id), _pipeline(project, run), inputs, [])


def ended(
    project: str,
    detail: RunDetail,
    data: Mapping[str, DatasetVersion],
    versions: tuple[ModelVersion, ...],
) -> Iterator[dict[str, Any]]:
    """The events that a run has ended: first its steps, then the run itself.

    Args:
        project: Name of the project.
        detail: The run with its steps.
        data: The dataset versions that it read, by name.
        versions: The model versions that it made.
    """
    run = detail.run
    if run.ended_at is None:
        return
    for step in detail.steps:
        if step.cached:  # nothing ran
            continue
        outputs = [_value(project, run, step)] if step.outputs else []
        yield _event(
            _ENDS.get(step.state, "ABORT"),
            step.started_at,
            _run_id(f"{run.id}/{step.position}"),
            _job(project, f"{run.pipeline}.{step.step}", "STEP"),
            [],
            outputs,
            parent=(_run_id(run.id), _pipeline(project, run)),
        )
    inputs = [_dataset(project, version) for version in data.values()]
    outputs = [_model(project, version) for version in versions]
    facets = {}
    if run.error is not None:
        facets["errorMessage"] = _facet(
            "ErrorMessageRunFacet", message=run.error.message, programmingLanguage="python"
        )
    state = _ENDS.get(run.state, "ABORT")
    job = _pipeline(project, run)
    yield _event(state, run.ended_at, _run_id(run.id), job, inputs, outputs, facets=facets)


def _event(
    kind: str,
    at: datetime,
    run_id: str,
    job: dict[str, Any],
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
    *,
    facets: Mapping[str, Any] | None = None,
    parent: tuple[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    engine = _facet(
        "ProcessingEngineRunFacet",
        name="Trueup",
        version=__version__,
        openlineageAdapterVersion=__version__,
    )
    run_facets: dict[str, Any] = {"processing_engine": engine, **(facets or {})}
    if parent is not None:
        above = {"namespace": parent[1]["namespace"], "name": parent[1]["name"]}
        run_facets["parent"] = _facet("ParentRunFacet", run={"runId": parent[0]}, job=above)
    return {
        "eventType": kind,
        "eventTime": at.isoformat(timespec="milliseconds"),
        "producer": PRODUCER,
        "schemaURL": _EVENT,
        "run": {"runId": run_id, "facets": run_facets},
        "job": job,
        "inputs": inputs,
        "outputs": outputs,
    }


def _run_id(of: str) -> str:
    """A UUID that is always the same for the same run or step: events may be sent twice."""
    return str(uuid.uuid5(_SPACE, of))


def _pipeline(project: str, run: Run) -> dict[str, Any]:
    job = _job(project, run.pipeline, "PIPELINE")
    if run.commit:
        job["facets"]["sourceCodeLocation"] = _facet(
            "SourceCodeLocationJobFacet",
            type="git",
            url=f"trueup:{project}",
            version=run.commit,
            path="pipelines",
        )
    return job


def _job(project: str, name: str, kind: str) -> dict[str, Any]:
    facet = _facet("JobTypeJobFacet", processingType="BATCH", integration="TRUEUP", jobType=kind)
    return {"namespace": project, "name": name, "facets": {"jobType": facet}}


def _dataset(project: str, version: DatasetVersion) -> dict[str, Any]:
    facets = {"version": _facet("DatasetVersionDatasetFacet", datasetVersion=version.digest)}
    if version.columns:
        fields = [{"name": name, "type": type_} for name, type_ in version.columns.items()]
        facets["schema"] = _facet("SchemaDatasetFacet", fields=fields)
    return {"namespace": project, "name": f"data:{version.name}", "facets": facets}


def _model(project: str, version: ModelVersion) -> dict[str, Any]:
    facet = _facet("DatasetVersionDatasetFacet", datasetVersion=version.digest)
    name = f"model:{version.model}"
    return {"namespace": project, "name": name, "facets": {"version": facet}}


def _value(project: str, run: Run, step: StepRun) -> dict[str, Any]:
    assert step.outputs is not None
    value = step.outputs
    facets: dict[str, Any] = {
        "version": _facet("DatasetVersionDatasetFacet", datasetVersion=value.digest)
    }
    name = f"value:{run.pipeline}.{step.step}"
    found: dict[str, Any] = {"namespace": project, "name": name, "facets": facets}
    if value.rows is not None:
        count = _facet("OutputStatisticsOutputDatasetFacet", rowCount=value.rows)
        found["outputFacets"] = {"outputStatistics": count}
    return found


def _facet(kind: str, /, **content: Any) -> dict[str, Any]:
    schema = f"{_FACETS}/{_VERSIONS[kind]}/{kind}.json#/$defs/{kind}"
    return {"_producer": PRODUCER, "_schemaURL": schema, **content}


def shown(event: Mapping[str, Any]) -> str:
    """An event in one line.

    Example: `COMPLETE flights 2026-03-01T12:00:00.000+00:00 data:flights b3:12… -> model:flights`.
    """
    names = {
        side: " ".join(
            f"{item['name']} {short(item['facets']['version']['datasetVersion'], 8)}"
            for item in event[side]
        )
        for side in ("inputs", "outputs")
    }
    arrow = f"  {names['inputs']} -> {names['outputs']}" if any(names.values()) else ""
    return f"{event['eventType']:8} {event['job']['name']}  {event['eventTime'][:19]}{arrow}"
