"""What segments say in words. Frozen, no I/O."""

from __future__ import annotations

from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking.records import Point, State


class Opening(Record):
    """The first frame of every segment: whose it is.

    Attributes:
        run: Identifier of the run; made by the client.
        experiment: Name of its experiment.
        name: Of the run, for people; empty lets the server make one up.
        user: Who runs it.
        started_at: In milliseconds.
        url: The server it is for; empty for the project whose outbox this is.
        owns: Whether the end of this process is the end of the run. A fork only adds to it.
        process: Number of the process that writes.
        host: Its machine.
    """

    run: str
    experiment: str
    name: str = ""
    user: str = ""
    started_at: int = 0
    url: str = ""
    owns: bool = True
    process: int = 0
    host: str = ""


class Kept(Record):
    """A file of the run that waits in the outbox.

    Attributes:
        path: Where it belongs among the run's files.
        stored: Name of the file in the outbox's folder of this writer.
    """

    path: str
    stored: str


class Note(Record):
    """Anything but the points of the training itself."""

    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    files: tuple[Kept, ...] = ()
    points: tuple[Point, ...] = ()


class Gap(Record):
    """How many points could not be written since the writer began."""

    points: int


class End(Record):
    """How the run ended, by its own word."""

    state: State
    at: int


class Shipped(Record):
    """How far a writer's segments have been shipped.

    Attributes:
        segment: Number of the segment.
        offset: Where its next frame begins; 0 before the first.
        is_over: Nothing will follow.
        refused: Why the receiver does not take the rest, if it does not.
    """

    segment: int = 1
    offset: int = 0
    is_over: bool = False
    refused: str = ""
