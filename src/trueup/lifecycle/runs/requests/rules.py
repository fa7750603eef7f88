"""Decisions about requests: what starts next, and when one is started again. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from trueup.lifecycle.runs.records import RunState
from trueup.lifecycle.runs.requests.records import RunRequest

# A request whose runs are lost again and again may be what kills them.
ATTEMPTS: Final = 3
# How long a request waits that could not begin because somebody is editing.
LATER: Final = timedelta(minutes=1)
# So many runs of one pipeline may be asked for by events in an hour: more is taken for a loop.
BY_EVENTS: Final = 10
# Events this close together ask for one run; after so long it is asked for although more come.
QUIET: Final = timedelta(seconds=10)
PATIENCE: Final = timedelta(minutes=5)
WITHIN: Final = timedelta(hours=1)


def next_to_start(
    waiting: Sequence[RunRequest], started: Collection[RunRequest], at_most: int, now: datetime
) -> RunRequest | None:
    """The request to start now: the oldest whose pipeline is not at work; None when all is full."""
    if len(started) >= at_most:
        return None
    busy = {request.pipeline for request in started}
    for request in waiting:
        is_early = request.not_before is not None and request.not_before > now
        if request.pipeline not in busy and not is_early:
            return request
    return None


Fate = Literal["goes on", "finished", "failed", "again", "given up"]


def fate(run: RunState | None, is_alive: bool, attempts: int) -> Fate:
    """What becomes of a started request.

    Args:
        run: How its run stands; None when it has not begun.
        is_alive: Whether the process that sees to it lives.
        attempts: How often it was started.
    """
    if is_alive:  # also when the run has ended: its candidate is being registered
        return "goes on"
    if run == "finished":
        return "finished"
    if run in ("failed", "interrupted"):
        return "failed"
    return "again" if attempts < ATTEMPTS else "given up"


def is_settled(moments: Sequence[datetime], now: datetime) -> bool:
    """Whether events that come close together have ended, or go on for too long to wait more."""
    return now - max(moments) >= QUIET or now - min(moments) >= PATIENCE


def room_for_events(asked: Sequence[datetime], now: datetime) -> bool:
    """Whether events may ask for another run of a pipeline, after those they asked for."""
    return sum(moment > now - WITHIN for moment in asked) < BY_EVENTS
