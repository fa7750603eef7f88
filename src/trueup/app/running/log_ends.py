"""The ends of a run's logs: as much as a person reads at once, however much the steps printed.

`logs.py` gives all of it, line by line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from trueup.app.running.logs import check_step, fits
from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import Record
from trueup.lifecycle.runs import logs
from trueup.lifecycle.runs.logs import Open
from trueup.lifecycle.runs.records import RunState, StepAttempt, StepState

EACH: Final = 64 * 1024
ALL: Final = 512 * 1024
_MOST: Final = 50


class LogEnd(Record):
    """The end of what one attempt printed.

    Attributes:
        step: Name of the step, of an item with its number.
        attempt: Which try, from 1.
        state: How the attempt ended, or that it is under way.
        at: When it began; of one under way, when it last printed something.
        text: The last lines, without control codes.
        before: Bytes that it printed before them.
    """

    step: str
    attempt: int
    state: StepState | RunState
    at: datetime
    text: str
    before: int = 0


class LogEnds(Record):
    """The ends of the logs of a run, the newest first.

    Attributes:
        run: Identifier of the run.
        state: Where it stands.
        ends: What its attempts printed last; those under way come first.
        more: How many further attempts printed something.
    """

    run: str
    state: RunState
    ends: tuple[LogEnd, ...]
    more: int = 0


def newest(workspace: Workspace, actor: Actor, run_id: str, step: str = "") -> LogEnds:
    """The ends of the logs of a run, or of one step or item of it.

    Raises:
        NotFoundError: There is no such run, or no such step in it.
    """
    check_step(workspace, actor, run_id, step)
    # First the files: what is recorded meanwhile is then found twice rather than not at all.
    open_ = [
        log for log in logs.open_in(logs.folder_of(workspace.root, run_id)) if fits(step, log.step)
    ]
    attempts = workspace.runs.attempts(actor, run_id, step)
    run = workspace.runs.show(actor, run_id).run
    recorded = {(each.position, each.item, each.number) for each in attempts}
    live = [log for log in open_ if (log.position, log.item, log.number) not in recorded]
    printed = sorted(
        (each for each in attempts if each.log), key=lambda each: each.started_at, reverse=True
    )
    ends: list[LogEnd] = []
    read = total = 0
    for end in _ends(workspace, live, run.state, printed):
        read += 1
        if end is not None:
            ends.append(end)
            total += len(end.text)
        if total >= ALL or len(ends) >= _MOST:
            break
    return LogEnds(
        run=run_id, state=run.state, ends=tuple(ends), more=len(live) + len(printed) - read
    )


def _ends(
    workspace: Workspace, live: list[Open], state: RunState, printed: list[StepAttempt]
) -> Iterator[LogEnd | None]:
    under_way = [(_end_of(log.path), log) for log in live]
    known = [(end, log) for end, log in under_way if end is not None]
    for (raw, size, at), log in sorted(known, key=lambda each: each[0][2], reverse=True):
        yield _end(log.step, log.number, state, at, raw, size) if raw else None
    for _ in range(len(under_way) - len(known)):
        yield None
    for each in printed:
        try:
            raw, size = _kept(workspace, each.log)
        except NotFoundError:
            yield None
            continue
        yield _end(each.step, each.number, each.state, each.started_at, raw, size)


def _kept(workspace: Workspace, digest: str) -> tuple[bytes, int]:
    """The end of a log that is recorded; a long one is a file of its own and is not read whole."""
    blobs = workspace.state.blobs
    size = blobs.size(digest)
    if size > EACH:
        found = _end_of(blobs.local_path(digest))
        if found is not None:
            return found[0], size
    return blobs.get(digest)[-EACH:], size


def _end(
    step: str, number: int, state: StepState | RunState, at: datetime, raw: bytes, size: int
) -> LogEnd:
    if size > len(raw):  # begin with a whole line, where there is one
        _, newline, whole = raw.partition(b"\n")
        raw = whole if newline else raw
    return LogEnd(
        step=step,
        attempt=number,
        state=state,
        at=at,
        text=logs.clean(raw),
        before=max(0, size - len(raw)),
    )


def _end_of(path: Path) -> tuple[bytes, int, datetime] | None:
    """The last bytes of a file, its length, and when it was last written; None if it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        file.seek(max(0, about.st_size - EACH))
        raw = file.read(EACH)
        return raw, about.st_size, datetime.fromtimestamp(about.st_mtime, UTC)
