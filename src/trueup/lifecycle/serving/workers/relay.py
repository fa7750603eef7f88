"""Requests with an Idempotency-Key go to the worker that keeps the key, over a Unix socket.

The key's owner is found by a hash, so two requests with one key meet in one process, whichever
worker took them. The owner answers as if the request had come to it: it checks who sends it, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec

from trueup.foundation.errors import BackendError, TrueupError
from trueup.lifecycle.serving.server import http
from trueup.lifecycle.serving.server.http import Reply, Request

_PATIENCE_S: Final = 10.0  # an owner that ended is back by then
_AGAIN_S: Final = 0.05
_LENGTH_BYTES: Final = 4

Answer = Callable[[Request], Awaitable[Reply]]


class Passed(msgspec.Struct, array_like=True):
    """A request that another worker took; see `http.Request`."""

    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    peer: str
    raw: bytes

    async def body(self, limit: int) -> bytes:
        """All of the body."""
        if len(self.raw) > limit:
            raise http.too_large(limit)
        return self.raw


_requests = msgspec.msgpack.Decoder(Passed)
_replies = msgspec.msgpack.Decoder(Reply)
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Relay:
    """Answers what belongs here, and passes on what belongs to another worker.

    Args:
        answer: Answers here.
        index: The own place.
        count: How many workers there are.
        folder: Where their sockets are.
        largest_body: Gives the largest body that is passed on.
    """

    def __init__(
        self,
        answer: Answer,
        index: int,
        count: int,
        folder: Path,
        largest_body: Callable[[], int],
    ) -> None:
        self._answer = answer
        self._index = index
        self._count = count
        self._folder = folder
        self._largest_body = largest_body
        self._idle: dict[int, list[_Streams]] = {}
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Take what other workers pass on."""
        path = self._path(self._index)
        path.unlink(missing_ok=True)  # of one that stood here before
        self._server = await asyncio.start_unix_server(self._take, path)

    def close(self) -> None:
        """Take nothing more, and let go of the others."""
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.close()
        for streams in self._idle.values():
            for _, writer in streams:
                writer.close()

    async def answer(self, request: Request) -> Reply:
        """The reply, from here or from the key's owner."""
        key = request.headers.get(b"idempotency-key")
        if not key:
            return await self._answer(request)
        owner = zlib.crc32(key) % self._count
        if owner == self._index:
            return await self._answer(request)
        try:
            return await self._pass_on(owner, request)
        except TrueupError as error:
            return http.refusal(error)

    async def _pass_on(self, owner: int, request: Request) -> Reply:
        passed = Passed(
            method=request.method,
            path=request.path,
            query=request.query,
            headers=dict(request.headers),
            peer=request.peer,
            raw=await request.body(self._largest_body()),
        )
        raw = _framed(msgspec.msgpack.encode(passed))
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE_S
        while True:
            # Asking twice is safe: the key sees to that.
            with contextlib.suppress(OSError, EOFError):
                return _replies.decode(await self._exchange(owner, raw))
            if loop.time() > until:
                raise _away()
            await asyncio.sleep(_AGAIN_S)

    async def _exchange(self, owner: int, raw: bytes) -> bytes:
        idle = self._idle.setdefault(owner, [])
        streams = idle.pop() if idle else await asyncio.open_unix_connection(self._path(owner))
        reader, writer = streams
        try:
            writer.write(raw)
            reply = await _frame(reader)
        except BaseException:
            writer.close()
            raise
        idle.append(streams)
        return reply

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError, EOFError):
                while True:
                    reply = await self._answer(_requests.decode(await _frame(reader)))
                    writer.write(_framed(msgspec.msgpack.encode(reply)))
                    await writer.drain()
        finally:
            self._open.discard(writer)
            writer.close()

    def _path(self, index: int) -> Path:
        return self._folder / f"{index}.sock"


def _framed(raw: bytes) -> bytes:
    return len(raw).to_bytes(_LENGTH_BYTES, "little") + raw


async def _frame(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "little")
    return await reader.readexactly(length)


def _away() -> BackendError:
    return BackendError(
        "key-owner-away",
        "The worker that keeps this Idempotency-Key is starting again.",
        hint="send the request again with the same key",
    )
