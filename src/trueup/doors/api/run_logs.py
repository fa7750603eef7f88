"""Runs that are going on: their items, what their steps print, and stopping them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from litestar import get
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.response import ServerSentEvent

from trueup.app.running import logs as run_logs
from trueup.app.running.logs import LogLine
from trueup.doors.api.access import TheActor, TheWorkspace, needs
from trueup.doors.api.routes import Limit, Name, Reason, Word, reading, verb
from trueup.foundation.records import encode
from trueup.lifecycle.runs.records import ItemPage, Run

Position = Annotated[int, PathParameter(ge=1)]
Number = Annotated[int, QueryParameter(ge=0)]
Follow = Annotated[bool, QueryParameter()]


@reading("/runs/{id_:str}/steps/{position:int}/items")
def items(
    workspace: TheWorkspace,
    actor: TheActor,
    id_: Name,
    position: Position,
    start: Number = 0,
    limit: Limit = 100,
) -> ItemPage:
    """The items of a step over a list; `start` is the `next` of the page before."""
    return workspace.runs.items(actor, id_, position, start=start, limit=limit)


@get("/runs/{id_:str}/logs", opt=needs("read"))
async def logs(
    workspace: TheWorkspace, actor: TheActor, id_: Name, step: Word = "", follow: Follow = True
) -> ServerSentEvent:
    """What the steps print, as server-sent events `line`, live while the run goes on."""
    found = run_logs.lines(workspace, actor, id_, step, follow=follow)
    first = await asyncio.to_thread(_next, found)  # what is wrong is told before the stream
    return ServerSentEvent(_events(first, found))


@verb("/runs/{id_:str}/cancel", "runs.write")
def cancel(workspace: TheWorkspace, actor: TheActor, id_: Name, data: JSONBody[Reason]) -> Run:
    """Ask for a run to be stopped; it stops within a second."""
    return workspace.runs.cancel(actor, id_, data.reason)


async def _events(
    first: list[LogLine] | None, found: Iterator[list[LogLine]]
) -> AsyncIterator[dict[str, Any]]:
    some = first
    while some is not None:
        for line in some:
            yield {"event": "line", "data": encode(line).decode()}
        if not some:
            yield {"comment": "still here"}
        some = await asyncio.to_thread(_next, found)
    yield {"event": "end", "data": ""}


def _next(found: Iterator[list[LogLine]]) -> list[LogLine] | None:
    return next(found, None)
