"""What the steps of a run printed. While it runs, the page reads itself again: no script needed."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response
from litestar.params import QueryParameter

from trueup.app.running import log_ends
from trueup.app.running.log_ends import LogEnds
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Name, Word
from trueup.doors.web import shell
from trueup.foundation.records import Record

Follow = Annotated[bool, QueryParameter()]


class LogsPage(Record):
    """The ends of a run's logs.

    Attributes:
        logs: What the attempts printed last, the newest first.
        step: Only this step is shown; empty for all.
        steps: The steps that printed something.
        follow: Whether the page reads itself again while the run goes on.
    """

    logs: LogEnds
    step: str
    steps: tuple[str, ...]
    follow: bool


@shell.page("/runs/{id_:str}/logs")
def logs(
    request: Asked,
    workspace: TheWorkspace,
    actor: TheActor,
    id_: Name,
    step: Word = "",
    follow: Follow = True,
) -> Response[Any]:
    """What a run's steps printed."""
    found = log_ends.newest(workspace, actor, id_, step)
    page = LogsPage(
        logs=found,
        step=step,
        steps=tuple(dict.fromkeys(_names(found, step))),
        follow=follow and found.state == "running",
    )
    command = " ".join(part for part in ("trueup runs logs", f"run:{id_}", step) if part)
    return shell.answer(request, "run_logs.html", f"Logs of run {id_}", page, command=command)


def _names(found: LogEnds, step: str) -> list[str]:
    names = [end.step.partition("[")[0] for end in found.ends]
    return [*names, step.partition("[")[0]] if step else names
