"""Lineage as OpenLineage has it: its own client would write the same, and nothing is told twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec
import pytest
from openlineage.client import event_v2, facet_v2
from openlineage.client.client import OpenLineageClient
from openlineage.client.serde import Serde
from openlineage.client.transport.http import HttpConfig, HttpTransport

from trueup.app.automation.declaring import Survey
from trueup.app.automation.scheduler import Scheduler
from trueup.app.provenance import openlineage
from trueup.app.provenance import sending as lineage_sending
from trueup.app.running.training import train
from trueup.app.wiring import Workspace
from trueup.foundation.errors import BackendError, NotFoundError, UserCodeError

from ..conftest import BREACH, HERE


class Catalogue(BaseHTTPRequestHandler):
    seen: list[dict[str, Any]]
    broken = False

    def do_POST(self) -> None:
        body = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
        if not type(self).broken:
            self.seen.append(body)
        self.send_response(500 if type(self).broken else 201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_parts: object) -> None: ...


@pytest.fixture
def catalogue() -> Iterator[tuple[str, type[Catalogue]]]:
    handler = type("Handler", (Catalogue,), {"seen": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    server.server_close()
    thread.join()


def told(workspace: Workspace) -> list[dict[str, Any]]:
    found = lineage_sending.pending(workspace, workspace.owner)
    return [event for _, events in found for event in events]


def connect(workspace: Workspace, url: str) -> None:
    with (workspace.root / "trueup.toml").open("a") as file:
        file.write(f'\n[connections.lineage]\nurl = "{url}/api/v1/lineage"\n')


def without_origin(data: Any) -> Any:
    """Neither producer nor version of a schema nor defaults: what is said, not who says it."""
    if isinstance(data, dict):
        kept = {k: without_origin(v) for k, v in data.items() if k not in _ORIGIN}
        return {k: v for k, v in kept.items() if v not in ({}, [], None)}
    return [without_origin(item) for item in data] if isinstance(data, list) else data


_ORIGIN = ("_producer", "_schemaURL", "producer", "schemaURL")


def test_the_official_client_writes_the_same_event(desk: Any) -> None:
    workspace = desk.workspace
    event = told(workspace)[-1]
    assert event["eventType"] == "COMPLETE"
    inputs = [
        event_v2.InputDataset(
            namespace=item["namespace"],
            name=item["name"],
            facets={
                "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet(
                    datasetVersion=item["facets"]["version"]["datasetVersion"]
                ),
                "schema": facet_v2.schema_dataset.SchemaDatasetFacet(
                    fields=[
                        facet_v2.schema_dataset.SchemaDatasetFacetFields(
                            name=column["name"], type=column["type"]
                        )
                        for column in item["facets"]["schema"]["fields"]
                    ]
                ),
            },
        )
        for item in event["inputs"]
    ]
    outputs = [
        event_v2.OutputDataset(
            namespace=item["namespace"],
            name=item["name"],
            facets={
                "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet(
                    datasetVersion=item["facets"]["version"]["datasetVersion"]
                )
            },
        )
        for item in event["outputs"]
    ]
    engine = event["run"]["facets"]["processing_engine"]
    code = event["job"]["facets"]["sourceCodeLocation"]
    theirs = event_v2.RunEvent(
        eventType=event_v2.RunState.COMPLETE,
        eventTime=event["eventTime"],
        run=event_v2.Run(
            runId=event["run"]["runId"],
            facets={
                "processing_engine": facet_v2.processing_engine_run.ProcessingEngineRunFacet(
                    version=engine["version"],
                    name="Trueup",
                    openlineageAdapterVersion=engine["openlineageAdapterVersion"],
                )
            },
        ),
        job=event_v2.Job(
            namespace=event["job"]["namespace"],
            name=event["job"]["name"],
            facets={
                "jobType": facet_v2.job_type_job.JobTypeJobFacet(
                    processingType="BATCH", integration="TRUEUP", jobType="PIPELINE"
                ),
                "sourceCodeLocation": facet_v2.source_code_location_job.SourceCodeLocationJobFacet(
                    type="git", url=code["url"], version=code["version"], path=code["path"]
                ),
            },
        ),
        inputs=inputs,
        outputs=outputs,
        producer=openlineage.PRODUCER,
    )
    assert without_origin(event) == without_origin(msgspec.json.decode(Serde.to_json(theirs)))
    assert inputs and outputs


def test_the_catalogue_is_one_that_the_official_client_speaks_to(
    catalogue: tuple[str, type[Catalogue]],
) -> None:
    url, seen = catalogue
    config = HttpConfig(url=url)
    client = OpenLineageClient(transport=HttpTransport(config))
    run = event_v2.Run(runId="dc1cada8-ed9c-4eea-be5f-eb98367bf392")
    client.emit(
        event_v2.RunEvent(
            eventType=event_v2.RunState.START,
            eventTime="2026-01-01T00:00:00Z",
            run=run,
            job=event_v2.Job(namespace="n", name="j"),
        )
    )
    client.close()
    assert seen.seen[0]["run"]["runId"] == run.runId


def test_each_run_is_told_once_with_its_steps_below_it(
    desk: Any, catalogue: tuple[str, type[Catalogue]]
) -> None:
    workspace, (url, seen) = desk.workspace, catalogue
    with pytest.raises(NotFoundError, match="no connection 'lineage'"):
        lineage_sending.send(workspace, workspace.owner)
    connect(workspace, url)
    wanted = told(workspace)
    assert lineage_sending.send(workspace, workspace.owner) == len(wanted)
    assert seen.seen == wanted and told(workspace) == []
    assert lineage_sending.send(workspace, workspace.owner) == 0
    whole = {
        e["run"]["runId"] for e in wanted if e["job"]["facets"]["jobType"]["jobType"] == "PIPELINE"
    }
    steps = [e for e in wanted if "parent" in e["run"]["facets"]]
    assert steps and {s["run"]["facets"]["parent"]["run"]["runId"] for s in steps} <= whole


def test_what_the_catalogue_refuses_comes_again(
    desk: Any, catalogue: tuple[str, type[Catalogue]]
) -> None:
    workspace, (url, seen) = desk.workspace, catalogue
    connect(workspace, url)
    seen.broken = True
    with pytest.raises(BackendError, match="answered 500"):
        lineage_sending.send(workspace, workspace.owner)
    seen.broken = False
    assert lineage_sending.send(workspace, workspace.owner) == len(seen.seen) > 0


def test_a_run_that_failed_says_why(desk: Any) -> None:
    workspace = desk.workspace
    text = (workspace.root / "pipelines/training.py").read_text()
    desk.commit(
        pipeline=text.replace("@step\n", "@step(cache=False)\n").replace(
            "return ", "1 / 0\n    return ", 1
        )
    )
    with pytest.raises(UserCodeError):
        train(workspace, workspace.owner, "", {}, options=HERE)
    *_, failed = told(workspace)
    assert failed["eventType"] == "FAIL"
    assert "ZeroDivisionError" in failed["run"]["facets"]["errorMessage"]["message"]


def test_the_scheduler_sends_where_a_catalogue_is_named(
    desk: Any, catalogue: tuple[str, type[Catalogue]]
) -> None:
    url, seen = catalogue
    working = Scheduler(desk.workspace, desk.told.append, at_most=0, declared=Survey)
    working.tick(BREACH)
    assert not seen.seen
    connect(desk.workspace, url)
    working.tick(BREACH)
    assert seen.seen and told(desk.workspace) == []
