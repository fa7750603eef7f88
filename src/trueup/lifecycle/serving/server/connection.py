"""One connection of a client: requests off the wire, replies onto it, each with a single send.

A request is handed on as soon as its head is there; its body is waited for only by who wants it,
so that nothing large is taken in for nobody. Requests that come behind each other without waiting
(pipelining) are answered in their order. `listener.py` accepts connections and ends slow ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, Literal, Protocol, cast
from urllib.parse import unquote

import httptools

from trueup.foundation.errors import BackendError, UsageError
from trueup.lifecycle.serving.server import http
from trueup.lifecycle.serving.server.http import Reply, Request

State = Literal["answering", "reading", "idle", "closing"]

HEAD_BYTES: Final = 32 << 10
_AHEAD_BYTES: Final = 256 << 10  # of a body that nobody asked for yet
_AHEAD_REQUESTS: Final = 32
_JOINED_BYTES: Final = 64 << 10  # a longer body is handed to the socket without a copy
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE: Final = (b"connection", b"close")
_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\ncache-control: no-store\r\n".encode()
    for status in HTTPStatus
}


class Home(Protocol):
    """Where connections come in; see `listener.Listener`."""

    loop: asyncio.AbstractEventLoop
    connections: set[Connection]
    date: bytes
    is_draining: bool
    now: float
    answer: Callable[[Request], Awaitable[Reply]]

    def gone(self, connection: Connection) -> None:
        """One closed."""
        ...


class WireRequest:
    """A `Request` that came over a connection."""

    __slots__ = (
        *("method", "path", "query", "headers", "peer", "url"),
        *("is_complete", "is_broken", "is_last", "_connection", "_parts", "_size", "_waiter"),
    )

    def __init__(self, connection: Connection) -> None:
        self.method = ""
        self.path = ""
        self.query = b""
        self.headers: dict[bytes, bytes] = {}
        self.peer = connection.peer
        self.url = b""
        self.is_complete = False
        self.is_broken = False
        self.is_last = False
        self._connection = connection
        self._parts: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None

    async def body(self, limit: int) -> bytes:
        """All of the body; see `http.Request`."""
        length = self.headers.get(b"content-length")
        if length is not None and int(length) > limit:  # the parser took it, so it is a number
            raise http.too_large(limit)
        if not self.is_complete:
            if b"expect" in self.headers:
                self._connection.transport.write(_CONTINUE)
            while not self.is_complete and self._size <= limit:
                await self._more()
        if self._size > limit:
            raise http.too_large(limit)
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def add(self, part: bytes) -> bool:
        """Take a part of the body; whether there may be more before somebody asks for it."""
        self._parts.append(part)
        self._size += len(part)
        self.wake()
        return self._size < _AHEAD_BYTES

    def wake(self) -> None:
        """Tell who waits for the body that something happened."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self) -> None:
        if self.is_broken:
            raise http.incomplete()
        self._connection.read_on()
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter


class Connection(asyncio.Protocol):
    """One connection.

    Args:
        listener: Where it came in.

    Attributes:
        since: When it began what it is at now.
    """

    transport: asyncio.Transport

    def __init__(self, listener: Home) -> None:
        self.peer = ""
        self.since = listener.now
        self._listener = listener
        self._parser = httptools.HttpRequestParser(self)
        self._head_bytes = 0
        self._incoming: WireRequest | None = None
        self._waiting: deque[WireRequest] = deque()
        self._answered: WireRequest | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_new = True  # nothing was asked yet
        self._is_deaf = False  # what comes from now on is not wanted
        self._is_ending = False  # closes after what has come
        self._is_paused = False
        self._is_lost = False

    @property
    def state(self) -> State:
        """What it is at."""
        if self._answered is not None:
            return "answering" if self._answered.is_complete else "reading"
        if self._is_deaf:
            return "closing"
        return "reading" if self._is_new or self._incoming is not None else "idle"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start with a client."""
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else ""
        self._listener.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; what is under way is finished, for it may be on record already."""
        self._is_lost = True
        self._is_deaf = True
        self._waiting.clear()
        self._break_off()
        self._listener.gone(self)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._is_deaf:
            return
        if self._incoming is None:
            self.since = self._listener.now
        if self._head_bytes >= 0:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # is answered as if it had not asked for that
            self._is_deaf = self._is_ending = True
        except httptools.HttpParserCallbackError:
            self.transport.abort()  # a bug of ours: the event loop tells of it
            raise
        except httptools.HttpParserError:
            self._turn_away(_malformed())
        else:
            if self._head_bytes > HEAD_BYTES:
                self._turn_away(_large_head())
        if self._task is None and self._waiting:
            self._begin()

    def eof_received(self) -> bool:
        """The client sends no more; it may still read what is under way."""
        self._is_deaf = self._is_ending = True
        self._break_off()
        return self._task is not None

    def pause_writing(self) -> None:
        """The client does not read: take nothing more of it."""
        self._pause()

    def resume_writing(self) -> None:
        """The client reads again."""
        self.read_on()

    # What the parser found.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_new = False
        self._incoming = WireRequest(self)

    def on_url(self, url: bytes) -> None:
        """A part of its target."""
        assert self._incoming is not None
        self._incoming.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        assert self._incoming is not None
        headers = self._incoming.headers
        name = name.lower()
        headers[name] = headers[name] + b", " + value if name in headers else value

    def on_headers_complete(self) -> None:
        """The head is there: the request can be answered."""
        request = self._incoming
        assert request is not None
        self._head_bytes = -1
        path, _, request.query = request.url.partition(b"?")
        request.path = path.decode("latin-1")
        if "%" in request.path:
            request.path = unquote(request.path)
        request.method = self._parser.get_method().decode("ascii")
        request.is_last = not self._parser.should_keep_alive()
        self._waiting.append(request)
        if len(self._waiting) >= _AHEAD_REQUESTS:
            self._pause()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        assert self._incoming is not None
        if not self._incoming.add(body):
            self._pause()

    def on_message_complete(self) -> None:
        """The request is whole."""
        assert self._incoming is not None
        self._incoming.is_complete = True
        self._incoming.wake()
        self._incoming = None
        self._head_bytes = 0

    # Answering.

    def read_on(self) -> None:
        """Take more of what the client sends."""
        if self._is_paused and not self._is_lost:
            self._is_paused = False
            self.transport.resume_reading()

    def drain(self) -> None:
        """Close as soon as nothing is under way."""
        self._is_ending = True
        if self._task is None:
            self._is_deaf = True
            self.transport.close()

    def expire(self) -> None:
        """The time is over for what it is at."""
        if self._task is not None:
            self._task.cancel()
        elif self.state == "reading" and not self._is_new:
            self._turn_away(_slow())
        else:  # also who does not read what was sent: that is dropped
            self.transport.abort()

    def _pause(self) -> None:
        if not self._is_paused and not self._is_lost:
            self._is_paused = True
            self.transport.pause_reading()

    def _begin(self) -> None:
        self.since = self._listener.now
        self._answered = self._waiting.popleft()
        self._task = self._listener.loop.create_task(self._answer(self._answered))

    async def _answer(self, request: WireRequest) -> None:
        try:
            reply = await self._listener.answer(request)
        except asyncio.CancelledError:
            reply = http.refusal(_late() if request.is_complete else _slow())
            self._is_ending = True
            self._waiting.clear()
        self._task = self._answered = None
        if self._is_lost:
            return
        is_half = not request.is_complete  # nobody wants the rest
        ends = self._is_ending or self._listener.is_draining
        is_last = is_half or request.is_last or (ends and not self._waiting)
        self._send(reply, is_last=is_last, with_body=request.method != "HEAD")
        self.since = self._listener.now
        if is_last:
            self._end(lingers=is_half)
        elif self._waiting:
            self._begin()
        else:
            self.read_on()

    def _end(self, *, lingers: bool = False) -> None:
        """Close; a client that is still sending must not lose the reply because of that."""
        self._is_deaf = self._is_ending = True
        if lingers and self.transport.can_write_eof():
            self.transport.write_eof()
            self.read_on()
        else:
            self.transport.close()

    def _send(self, reply: Reply, *, is_last: bool, with_body: bool = True) -> None:
        body = reply.body
        name, value = reply.header
        more = b"".join([b"%b: %b\r\n" % pair for pair in reply.more]) if reply.more else b""
        if is_last and _CLOSE not in reply.more:
            more += b"connection: close\r\n"
        head = b"%bdate: %b\r\n%b: %b\r\n%bcontent-length: %d\r\n\r\n" % (
            *(_LINES[reply.status], self._listener.date),
            *(name, value, more, len(body)),
        )
        if not with_body:
            self.transport.write(head)
        elif len(body) <= _JOINED_BYTES:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))

    def _turn_away(self, error: UsageError) -> None:
        """Answer what is no request, and close; whole requests in front of it come first."""
        self._is_deaf = self._is_ending = True
        if self._incoming is not None and self._incoming in self._waiting:
            self._waiting.remove(self._incoming)
        self._break_off()
        if self._task is None and not self._waiting and not self._is_lost:
            self._send(http.refusal(error), is_last=True)
            self._end(lingers=True)

    def _break_off(self) -> None:
        """The rest of what is coming in will never come."""
        if self._incoming is not None:
            self._incoming.is_broken = True
            self._incoming.wake()
            self._incoming = None


def _late() -> BackendError:
    return BackendError(
        "request-late",
        "The request was not answered in time; it may be on record.",
        hint="send the request again with the same Idempotency-Key",
    )


def _slow() -> UsageError:
    return UsageError("request-timeout", "The request did not come in time.")


def _malformed() -> UsageError:
    return UsageError("request-malformed", "What came is no HTTP/1.1 request.")


def _large_head() -> UsageError:
    return UsageError("head-too-large", f"The head is larger than {HEAD_BYTES} bytes.")
