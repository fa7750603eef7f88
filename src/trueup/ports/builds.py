"""The builds port: a server of another kind runs something for us, such as a Jenkins job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from trueup.foundation.records import Record
from trueup.ports.http import Http

BuildState = Literal["queued", "running", "ended"]
BuildResult = Literal["", "success", "unstable", "failure", "aborted", "not-built"]


class Build(Record):
    """One build, from the moment it waits.

    Attributes:
        job: What is built.
        key: The identifier that we gave it; a second start with it finds the first build.
        state: Where it stands.
        result: How it ended; empty until then.
        number: Its number; 0 while it waits.
        url: Its page; empty while it waits.
        queue: Number of its place in the queue; 0 once nobody knows.
        why: Why it waits, in the server's words.
        seconds: How long it took.
    """

    job: str
    key: str
    state: BuildState
    result: BuildResult = ""
    number: int = 0
    url: str = ""
    queue: int = 0
    why: str = ""
    seconds: float = 0.0


class LogPart(Record):
    """A piece of a build's log; `next` is where to go on, `more` whether more will come."""

    text: str
    next: int
    more: bool


class Builds(Protocol):
    """One server that builds. A back end is made with its address and a login."""

    def __init__(self, url: str, http: Http, user: str, token: str) -> None: ...

    def version(self) -> str:
        """The server's version.

        Raises:
            BackendError: It cannot be reached, or refuses the login.
        """
        ...

    def start(self, job: str, parameters: Mapping[str, str], key: str) -> Build:
        """Start a build, or find the one that was started with this key.

        Raises:
            NotFoundError: There is no such job.
            DeniedError: The login may not start it.
        """
        ...

    def find(self, job: str, key: str) -> Build | None:
        """The build that was started with this key, waiting, running or ended; None for none."""
        ...

    def look(self, build: Build) -> Build:
        """The build as it stands now."""
        ...

    def log(self, build: Build, start: int = 0) -> LogPart:
        """Its log from the byte `start` on."""
        ...

    def cancel(self, build: Build) -> Build:
        """Stop it, or take it out of the queue; one that has ended stays as it is."""
        ...
