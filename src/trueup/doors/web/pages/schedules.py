"""Schedules: which pipelines run by themselves, when they did, when they will, and what waits."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from litestar import Response

from trueup.app.automation.declaring import Declarations
from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.web import shell
from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.records import Record
from trueup.lifecycle.runs.requests.records import RunRequest
from trueup.lifecycle.runs.schedules import rules, slots
from trueup.lifecycle.runs.schedules.records import Declared, Schedule

_COMING: Final = 5
_BEFORE: Final = 10
_QUEUE: Final = 100


class Coming(Record):
    """A moment at which a pipeline is due: in its own time zone, and for all."""

    at: datetime
    local: str


class Automatic(Record):
    """One pipeline that runs by itself.

    Attributes:
        declared: What its decorator says.
        described: Its schedule and zone in words.
        known: What the scheduler noted; None before its first look.
        coming: Its next slots.
        missed: Slots that passed while no scheduler looked, the first ones.
        before: What was asked for last, the newest first.
    """

    declared: Declared
    described: str
    known: Schedule | None
    coming: tuple[Coming, ...]
    missed: tuple[Coming, ...]
    before: tuple[RunRequest, ...]


class SchedulesPage(Record):
    """Everything that the page says; `problems` are files that could not be read, with why."""

    automatic: tuple[Automatic, ...]
    queue: tuple[RunRequest, ...]
    problems: dict[str, str]


@shell.page("/schedules")
def schedules(request: Asked, workspace: TheWorkspace, actor: TheActor) -> Response[Any]:
    """What runs by itself."""
    page = load(workspace, actor)
    command = "trueup schedule list"
    return shell.answer(
        request, "schedules.html", "Schedules", page, command=command, is_live=bool(page.queue)
    )


def load(workspace: Workspace, actor: Actor) -> SchedulesPage:
    """Gather the page."""
    survey = _declarations(workspace.root).read()
    known = {schedule.pipeline: schedule for schedule in workspace.schedules.list(actor)}
    now = clock.now()
    return SchedulesPage(
        automatic=tuple(
            Automatic(
                declared=each,
                described=rules.described(each),
                known=known.get(each.pipeline),
                coming=_coming(each, now),
                missed=_told(each, rules.missed(each, known.get(each.pipeline), now)),
                before=tuple(workspace.requests.list(actor, pipeline=each.pipeline, limit=_BEFORE)),
            )
            for each in survey.declared
            if each.schedule or each.on
        ),
        queue=tuple(workspace.requests.list(actor, unfinished=True, limit=_QUEUE)),
        problems=survey.problems,
    )


@cache
def _declarations(root: Path) -> Declarations:
    """Pipelines are read in a child process, and again only when their files change."""
    return Declarations(root)


def _coming(declared: Declared, now: datetime) -> tuple[Coming, ...]:
    if not declared.schedule:
        return ()
    where = slots.zone(declared.timezone)
    return _told(declared, slots.following(declared.schedule, where, now, _COMING))


def _told(declared: Declared, moments: list[datetime]) -> tuple[Coming, ...]:
    where = slots.zone(declared.timezone)
    return tuple(
        Coming(at=at, local=f"{at.astimezone(where):%a %d %b %Y, %H:%M %Z}") for at in moments
    )
