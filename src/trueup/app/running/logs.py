"""What the steps of a run print: read back from the record, and live from the open files."""

from __future__ import annotations

import time
from collections.abc import Iterator

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import Record
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.runs import logs
from trueup.lifecycle.runs.records import StepAttempt

EVERY_S = 0.4
_Which = tuple[int, int, int]


class LogLine(Record):
    """One line that an attempt at a step printed.

    Attributes:
        step: Name of the step, of an item with its number.
        attempt: Which try, from 1.
        text: The line, without control codes.
    """

    step: str
    attempt: int
    text: str


def lines(
    workspace: Workspace, actor: Actor, run_id: str, step: str = "", *, follow: bool = False
) -> Iterator[list[LogLine]]:
    """The lines of a run's logs, some at a time; an empty list when nothing new came.

    Args:
        workspace: The project.
        actor: Who asks.
        run_id: The run.
        step: Only this step, or this item of it, such as `train[3]`.
        follow: Go on while the run goes on.

    Raises:
        NotFoundError: There is no such run, or no such step in it.
    """
    reader = _Reader(workspace, actor, run_id, step)
    while True:
        running = workspace.runs.show(actor, run_id).run.state == "running"
        yield reader.new()
        if not (follow and running):
            yield reader.rest()
            return
        time.sleep(EVERY_S)


def check_step(workspace: Workspace, actor: Actor, run_id: str, step: str) -> None:
    """Refuse the name of a step that a run does not have, or has not begun.

    Raises:
        NotFoundError: There is no such run, or no such step in it.
    """
    detail = workspace.runs.show(actor, run_id)
    known = {each.step for each in detail.steps}
    known |= {log.step for log in logs.open_in(logs.folder_of(workspace.root, run_id))}
    known |= {name.partition("[")[0] for name in known}
    if not step or step in known or step.partition("[")[0] in known:
        return
    raise NotFoundError(
        "step-not-found",
        f"Run {run_id} has no step '{step}'.{did_you_mean(step, known)}",
        hint=f"trueup runs show run:{run_id}",
    )


def fits(wanted: str, step: str) -> bool:
    """Whether a step, or an item of one, is what was asked for; everything is when nothing was.

    Example:
        >>> fits("train", "train[3]"), fits("train[3]", "train[31]"), fits("", "split")
        (True, False, True)
    """
    return not wanted or step == wanted or step.startswith(f"{wanted}[")


class _Reader:
    def __init__(self, workspace: Workspace, actor: Actor, run_id: str, step: str) -> None:
        self._workspace = workspace
        self._actor = actor
        self._run = run_id
        self._step = step
        self._folder = logs.folder_of(workspace.root, run_id)
        self._read: set[_Which] = set()
        self._open: dict[_Which, tuple[str, logs.Follower]] = {}
        check_step(workspace, actor, run_id, step)

    def new(self) -> list[LogLine]:
        """The lines that came since the last time."""
        # First the files: one that is recorded meanwhile goes on being read where it is open.
        for log in logs.open_in(self._folder):
            which = (log.position, log.item, log.number)
            if fits(self._step, log.step) and which not in self._open and which not in self._read:
                self._open[which] = (log.step, logs.Follower(log.path))
        found = [line for which in list(self._open) for line in self._followed(which)]
        for attempt in self._workspace.runs.attempts(self._actor, self._run, self._step):
            which = (attempt.position, attempt.item, attempt.number)
            if which in self._open:
                found += self._followed(which, to_the_end=True)
            elif which not in self._read:
                found += self._kept(attempt)
            self._read.add(which)
        return found

    def rest(self) -> list[LogLine]:
        """What open logs hold beyond their last whole line."""
        open_ = list(self._open)
        return [line for which in open_ for line in self._followed(which, to_the_end=True)]

    def _followed(self, which: _Which, *, to_the_end: bool = False) -> list[LogLine]:
        step, follower = self._open[which]
        texts = list(follower.lines(to_the_end=to_the_end))
        if to_the_end:
            follower.close()
            del self._open[which]
            self._read.add(which)
        return [LogLine(step=step, attempt=which[2], text=text) for text in texts]

    def _kept(self, attempt: StepAttempt) -> list[LogLine]:
        if not attempt.log:
            return []
        text = logs.clean(self._workspace.state.blobs.get(attempt.log))
        number, step = attempt.number, attempt.step
        return [LogLine(step=step, attempt=number, text=line) for line in text.splitlines()]
