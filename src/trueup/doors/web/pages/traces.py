"""One trace: a call of a program, with all that it called, when each began and how it ended."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Name
from trueup.doors.web import shell
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking.records import Experiment, TrackedRun
from trueup.lifecycle.runs.tracking.traces import parts
from trueup.lifecycle.runs.tracking.traces.records import Trace
from trueup.lifecycle.runs.tracking.traces.rules import RUN_WORD

_SHOWN: Final = 500
_OWN: Final = "mlflow."


class Said(Record):
    """What somebody says about a trace.

    Attributes:
        name: What is judged.
        value: How.
        by: Who says so.
        why: Their reason.
    """

    name: str
    value: str
    by: str
    why: str


class TracePage(Record):
    """One trace.

    Attributes:
        trace: The trace.
        experiment: The experiment it belongs to.
        run: The run it was made in; None when there is none.
        parts: Its spans, each followed by those inside it.
        more: How many spans are not listed.
        said: What people and programs say about it.
        tags: Words of its own program and people, without those of the client.
    """

    trace: Trace
    experiment: Experiment
    run: TrackedRun | None
    parts: tuple[parts.Part, ...]
    more: int
    said: tuple[Said, ...]
    tags: dict[str, str]


@shell.page("/traces/{id_:str}")
def trace(request: Asked, workspace: TheWorkspace, actor: TheActor, id_: Name) -> Response[Any]:
    """One trace with its spans."""
    shown = workspace.traces.show(actor, id_)
    spans = [span for _, found in workspace.traces.whole(actor, [id_]) for span in found]
    rows = parts.in_order(spans)
    page = TracePage(
        trace=shown,
        experiment=workspace.tracking.experiment(actor, shown.experiment),
        run=_run(workspace, actor, shown),
        parts=tuple(rows[:_SHOWN]),
        more=max(len(rows) - _SHOWN, 0),
        said=tuple(_said(each.name, each.body) for each in shown.assessments),
        tags={k: v for k, v in shown.tags.items() if not k.startswith(_OWN)},
    )
    ends = max((part.begins_ms + part.took_ms for part in rows), default=0.0)
    more = {"whole_ms": ends or 1.0}
    return shell.answer(request, "trace.html", name_of(shown), page, more=more)


def name_of(shown: Trace) -> str:
    """What a trace is called."""
    return shown.tags.get("mlflow.traceName") or shown.id


def _run(workspace: Workspace, actor: Actor, shown: Trace) -> TrackedRun | None:
    id_ = shown.metadata.get(RUN_WORD, "")
    try:
        return workspace.tracking.show(actor, id_) if id_ else None
    except (NotFoundError, UsageError):  # deleted since, or a word that is no run's
        return None


def _said(name: str, body: dict[str, Any]) -> Said:
    held = body.get("feedback") or body.get("expectation") or {}
    value = held.get("value", held.get("serialized_value", {}).get("value", ""))
    by = (body.get("source") or {}).get("source_id", "")
    why = body.get("rationale") or ""
    return Said(name=name, value=str(value), by=str(by), why=str(why))
