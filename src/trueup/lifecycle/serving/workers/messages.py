"""What the supervisor and its workers tell each other: lines of JSON over a socket pair."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Generic, TypeVar

import msgspec

from trueup.foundation.errors import BackendError, TrueupError
from trueup.lifecycle.releases.records import Route
from trueup.lifecycle.serving.metrics import Snapshot

_LINE_BYTES = 64 << 20


class Prepare(msgspec.Struct, tag=True):
    """Make ready what a route needs, and answer `Prepared` or `Failed`."""

    epoch: int
    route: Route


class Flip(msgspec.Struct, tag=True):
    """Serve what was prepared for this epoch; forget it if it failed elsewhere."""

    epoch: int
    takes_over: bool


class Retire(msgspec.Struct, tag=True):
    """Serve this deployment no longer."""

    deployment: str


class Begin(msgspec.Struct, tag=True):
    """Take connections."""


class Stand(msgspec.Struct, tag=True):
    """Whether the workers are ready together, and whether they are about to stop."""

    is_ready: bool
    is_draining: bool


class Stop(msgspec.Struct, tag=True):
    """Finish what is under way, seal, and end."""

    finish_s: float


class Count(msgspec.Struct, tag=True):
    """Answer `Counted`."""

    asked: int


class Totals(msgspec.Struct, tag=True):
    """The counts of all processes, for the worker that wished for them."""

    wish: int
    snapshots: list[Snapshot]


Order = Prepare | Flip | Retire | Begin | Stand | Stop | Count | Totals


class Up(msgspec.Struct, tag=True):
    """The worker is there."""


class Prepared(msgspec.Struct, tag=True):
    """What a route needs is ready."""

    epoch: int


class Failed(msgspec.Struct, tag=True):
    """A route cannot be served, and why."""

    epoch: int
    problem: dict[str, Any]


class Counted(msgspec.Struct, tag=True):
    """The counts of this worker."""

    asked: int
    snapshot: Snapshot


class Wish(msgspec.Struct, tag=True):
    """The worker wants the counts of all."""

    wish: int


Report = Up | Prepared | Failed | Counted | Wish

_Said = TypeVar("_Said")


class Line(Generic[_Said]):
    """One end of the socket pair.

    Args:
        said: What the other end says.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: Any
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder: msgspec.json.Decoder[_Said] = msgspec.json.Decoder(said)

    @classmethod
    async def on(cls, end: socket.socket, said: Any) -> Line[_Said]:
        """A line over this end."""
        return cls(*await asyncio.open_connection(sock=end, limit=_LINE_BYTES), said)

    def say(self, message: Order | Report) -> None:
        """Send; a message to who is gone is lost."""
        if not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(message) + b"\n")

    async def hear(self) -> _Said | None:
        """The next message; None when the other end is gone."""
        try:
            raw = await self._reader.readline()
        except ConnectionError:
            return None
        return self._decoder.decode(raw) if raw.endswith(b"\n") else None

    def close(self) -> None:
        """Say no more."""
        self._writer.close()


def problem_of(error: Exception) -> dict[str, Any]:
    """An error as it goes over the line."""
    if not isinstance(error, TrueupError):
        error = BackendError("model-load-failed", f"{type(error).__name__}: {error}")
    return error.as_problem()
