"""Runs, their steps and their metrics."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import post
from litestar.params import JSONBody

from trueup.doors.api.access import TheActor, TheWorkspace, needs
from trueup.doors.api.routes import InState, Limit, Name, Word, reading
from trueup.foundation.identifiers import short_id
from trueup.foundation.records import Record
from trueup.foundation.references import check_name
from trueup.lifecycle.runs.records import RunDetail, RunPage
from trueup.lifecycle.runs.requests.records import RunRequest, Wish


class Wanted(Record):
    """The body of a call for a run.

    Attributes:
        pipeline: Name of the pipeline, or of the model it makes.
        parameters: Values of its parameters; defaults are filled in.
        partition: The part of the data to run for.
        reason: Why.
        key: A word of the caller's: the same word again asks for nothing new.
    """

    pipeline: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    parameters: dict[str, Any] = {}
    partition: Annotated[str, msgspec.Meta(max_length=100)] = ""
    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    key: Annotated[str, msgspec.Meta(max_length=80)] = ""


class Asked(Record):
    """What a call for a run is answered with, at once.

    Attributes:
        run: Reference of the run that it will be; `GET /api/v1/requests/…` says how it stands.
        request: What was put down.
    """

    run: str
    request: RunRequest


@reading("/runs")
def newest(
    workspace: TheWorkspace,
    actor: TheActor,
    pipeline: Word = "",
    in_state: InState = "",
    after: Word = "",
    limit: Limit = 50,
) -> RunPage:
    """Runs, newest first; `after` is the `next` of the page before."""
    return workspace.runs.list(actor, pipeline=pipeline, state=in_state, after=after, limit=limit)


@reading("/runs/{id_:str}")
def show(workspace: TheWorkspace, actor: TheActor, id_: Name) -> RunDetail:
    """One run with its steps and metrics."""
    return workspace.runs.show(actor, id_)


@post("/runs", opt=needs("runs.write"), sync_to_thread=True, status_code=202)
def ask(workspace: TheWorkspace, actor: TheActor, data: JSONBody[Wanted]) -> Asked:
    """Ask for a run. It begins when the scheduler has room for it; wrong parameters fail there."""
    pipeline = check_name(data.pipeline, "pipeline")
    wish = Wish(
        pipeline=pipeline,
        kind="call",
        cause=f"call:{pipeline}:{data.key or short_id()}",
        reason=f"{actor} asked for it{f': {data.reason}' if data.reason else ''}",
        parameters=data.parameters,
        partition=data.partition,
    )
    request = workspace.requests.ask(actor, wish)
    return Asked(run=request.ref, request=request)


@reading("/requests/{id_:str}")
def asked(workspace: TheWorkspace, actor: TheActor, id_: Name) -> RunRequest:
    """How a run stands that was asked for: waiting, started, finished, failed or dropped."""
    return workspace.requests.show(actor, id_)
