"""Accepts connections on a socket that several processes may share, and ends those that are slow.

One look a second over all connections finds what is late: a timer for each request would cost more
than the requests do.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Final, NamedTuple

from trueup.lifecycle.serving.server.connection import Connection, State
from trueup.lifecycle.serving.server.http import Reply, Request

_LOOK_S: Final = 1.0
_LINGER_S: Final = 2.0
_TOO_MANY_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Patience(NamedTuple):
    """How long a client may take, in seconds, and how many there may be at once.

    Attributes:
        idle_s: Without a request; longer than proxies keep a connection, so that they close first.
        request_s: Until a whole request has come.
        answer_s: Until it is answered.
        connections: Connections at once; more wait until one closes.
    """

    idle_s: float = 75.0
    request_s: float = 30.0
    answer_s: float = 60.0
    connections: int = 4096


PATIENCE: Final = Patience()


class Listener:
    """A socket that takes connections, to be made and used on a running event loop.

    Args:
        answer: Gives the reply to a request; never raises.
        patience: Limits of time and number.

    Attributes:
        connections: Those that are open.
        date: The present time as a header says it.
        is_draining: Whether each reply is the last of its connection.
        now: The loop's time, a second old at most.
    """

    def __init__(
        self, answer: Callable[[Request], Awaitable[Reply]], patience: Patience = PATIENCE
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.answer = answer
        self.connections: set[Connection] = set()
        self.date = b""
        self.is_draining = False
        self.now = 0.0
        self._patience = patience
        self._allowed: dict[State, float] = {
            "idle": patience.idle_s,
            "reading": patience.request_s,
            "answering": patience.answer_s,
            "closing": _LINGER_S,
        }
        self._socket: socket.socket | None = None
        self._accepts = False
        self._empty = asyncio.Event()
        self._made: set[asyncio.Task[object]] = set()
        self._look()

    def listen(self, listener: socket.socket) -> None:
        """Take connections from now on."""
        listener.setblocking(False)
        self._socket = listener
        self._go_on()

    def stop(self) -> None:
        """Take no more connections, and close each as soon as nothing is under way on it."""
        self._pause()
        self._socket = None
        self.is_draining = True
        for connection in list(self.connections):
            connection.drain()

    async def finished(self, within_s: float) -> bool:
        """Wait until all connections are closed; whether that was so in time."""
        self._empty.clear()
        if self.connections or self._made:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), within_s)
        return not self.connections

    def gone(self, connection: Connection) -> None:
        """One closed."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()
        self._go_on()

    def _go_on(self) -> None:
        has_room = len(self.connections) < self._patience.connections
        if self._socket is not None and not self._accepts and has_room:
            self._accepts = True
            # One connection each time it is ready: a process that is busy leaves the next one to
            # the others.
            self.loop.add_reader(self._socket.fileno(), self._accept)

    def _pause(self) -> None:
        if self._accepts:
            assert self._socket is not None
            self._accepts = False
            self.loop.remove_reader(self._socket.fileno())

    def _accept(self) -> None:
        assert self._socket is not None
        try:
            accepted, _ = self._socket.accept()
        except OSError as error:  # another process was quicker, or the client is gone again
            if error.errno in _TOO_MANY_FILES:
                self._pause()  # the next look goes on
            return
        making = self.loop.create_task(self._open(accepted))
        self._made.add(making)
        making.add_done_callback(self._made.discard)

    async def _open(self, accepted: socket.socket) -> None:
        try:
            await self.loop.connect_accepted_socket(lambda: Connection(self), accepted)
        except OSError:
            accepted.close()
        if len(self.connections) >= self._patience.connections:
            self._pause()

    def _look(self) -> None:
        self.now = now = self.loop.time()
        self.date = formatdate(usegmt=True).encode()
        for connection in list(self.connections):
            if now - connection.since > self._allowed[connection.state]:
                connection.expire()
        self._go_on()
        self.loop.call_later(_LOOK_S, self._look)
