"""What goes over one connection, byte for byte: in parts, behind each other, broken."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from trueup.lifecycle.serving.server.connection import HEAD_BYTES
from trueup.lifecycle.serving.server.http import Reply, Request
from trueup.lifecycle.serving.server.listener import Listener, Patience

LIMIT = 1 << 20
QUICK = Patience(idle_s=0.2, request_s=0.2, answer_s=0.2, connections=3)


async def echo(request: Request) -> Reply:
    """Says what it was asked; refuses as the application does."""
    if request.path == "/never":
        await asyncio.Event().wait()
    if request.path == "/unread":
        return Reply(403, b"{}")
    try:
        body = await request.body(LIMIT)
    except Exception as error:
        return Reply(400, json.dumps({"code": getattr(error, "code", "")}).encode())
    if request.path == "/large":
        return Reply(200, b"x" * LIMIT)
    told = [request.method, request.path, request.query.decode(), body.decode()]
    return Reply(200, json.dumps(told).encode())


class Wire:
    """A client that sends and reads bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def reply(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next reply."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), headers, await self.body(headers)

    async def body(self, headers: dict[str, str]) -> bytes:
        return await self.reader.readexactly(int(headers["content-length"]))

    async def told(self) -> Any:
        return json.loads((await self.reply())[2])

    async def is_closed(self) -> bool:
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True


Client = Callable[[], Awaitable[Wire]]
Script = Callable[[Listener, Client], Awaitable[None]]


def on_the_wire(script: Script, patience: Patience | None = None) -> None:
    """Run a script against a listener."""

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as socket_:
            listener = Listener(echo, patience or Patience())
            listener.listen(socket_)
            wires: list[Wire] = []

            async def client() -> Wire:
                wires.append(Wire(*await asyncio.open_connection(*socket_.getsockname())))
                return wires[-1]

            async with asyncio.timeout(30):
                await script(listener, client)
            listener.stop()
            for wire in wires:
                wire.writer.close()
            assert await listener.finished(10)

    asyncio.run(run())


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: h", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


GET = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"


def test_requests_behind_each_other_are_answered_in_their_order() -> None:
    async def script(_: Listener, client: Client) -> None:
        wire = await client()
        wire.send(b"".join(GET % i + post(f"/{i}", b"b") for i in range(100)))
        for i in range(100):
            assert await wire.told() == ["GET", f"/{i}", "", ""]
            assert await wire.told() == ["POST", f"/{i}", "", "b"]

    on_the_wire(script)


def test_a_request_may_come_byte_by_byte() -> None:
    async def script(_: Listener, client: Client) -> None:
        wire = await client()
        for byte in post("/a%20b?q=1&r", b"body", "X-One: 1"):
            wire.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await wire.told() == ["POST", "/a b", "q=1&r", "body"]

    on_the_wire(script)


def test_bodies_come_in_chunks_large_or_after_leave_to_send_them() -> None:
    async def script(_: Listener, client: Client) -> None:
        wire = await client()
        wire.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        wire.send(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert (await wire.told())[3] == "abcde"
        wire.send(post("/", b"x" * LIMIT))
        assert len((await wire.told())[3]) == LIMIT
        head, _, body = post("/", b"later", "Expect: 100-continue").partition(b"later")
        wire.send(head)
        assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(b"later" + body)
        assert (await wire.told())[3] == "later"
        wire.send(GET % 1 + post("/large", b""))
        await wire.reply()
        assert (await wire.reply())[2] == b"x" * LIMIT

    on_the_wire(script)


def test_a_body_nobody_wants_is_not_read_and_its_sender_still_gets_the_reply() -> None:
    async def script(_: Listener, client: Client) -> None:
        for path, status in (("/unread", 403), ("/", 400)):
            wire = await client()
            wire.send(post(path, b"")[:-4].replace(b"Length: 0", b"Length: 99999999") + b"\r\n\r\n")
            for _ in range(20):
                wire.send(b"x" * 65536)
            got, headers, _ = await wire.reply()
            assert (got, headers["connection"]) == (status, "close")
        wire = await client()
        wire.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        wire.send(chunk * 17)
        status, _, raw = await wire.reply()
        assert (status, json.loads(raw)["code"]) == (400, "body-too-large")

    on_the_wire(script)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * HEAD_BYTES * 2, 431),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(raw: bytes, status: int) -> None:
    async def script(_: Listener, client: Client) -> None:
        wire = await client()
        wire.send(GET % 1 + raw)
        assert (await wire.reply())[0] == 200, "what came before it is answered"
        wire = await client()
        wire.send(raw)
        assert (await wire.reply())[0] == status
        assert await wire.is_closed()

    on_the_wire(script)


def test_a_connection_stays_unless_somebody_wants_it_closed() -> None:
    async def script(listener: Listener, client: Client) -> None:
        wire = await client()
        wire.send(b"GET /1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert (await wire.reply())[1]["connection"] == "close"
        assert await wire.is_closed()
        wire = await client()
        wire.send(b"GET /1 HTTP/1.0\r\n\r\n")
        assert (await wire.reply())[0] == 200
        assert await wire.is_closed()
        wire = await client()
        wire.send(b"HEAD /large HTTP/1.1\r\nHost: h\r\n\r\n" + GET % 2)
        head = (await wire.reader.readuntil(b"\r\n\r\n")).decode()
        assert f"content-length: {LIMIT}" in head, "HEAD has the length and no body"
        assert await wire.told() == ["GET", "/2", "", ""]
        wire.send(GET % 3)
        wire.writer.write_eof()
        assert await wire.told() == ["GET", "/3", "", ""], "a client may stop sending, then read"
        assert await wire.is_closed()
        wire = await client()
        wire.send(b"GET /1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert (await wire.reply())[0] == 200, "who offers another protocol gets this one"
        listener.is_draining = True
        wire = await client()
        wire.send(GET % 1)
        assert (await wire.reply())[1]["connection"] == "close"

    on_the_wire(script)


@pytest.mark.slow
def test_who_is_slow_loses_the_connection() -> None:
    async def script(listener: Listener, client: Client) -> None:
        silent, half, late = [await client() for _ in range(3)]
        half.send(b"GET / HTTP/1.1\r\nHo")
        late.send(b"GET /never HTTP/1.1\r\n\r\n")
        waiting = await client()
        waiting.send(GET % 1)  # there are three already
        status, _, raw = await half.reply()
        assert (status, json.loads(raw)["code"]) == (408, "request-timeout")
        status, _, raw = await late.reply()
        assert (status, json.loads(raw)["code"]) == (504, "request-late")
        assert await silent.is_closed()
        assert await waiting.told() == ["GET", "/1", "", ""], "there is room again"
        assert await waiting.is_closed()

    on_the_wire(script, QUICK)


@pytest.mark.slow
def test_a_body_that_never_ends_is_given_up() -> None:
    async def script(_: Listener, client: Client) -> None:
        wire = await client()
        wire.send(post("/", b"ab").removesuffix(b"b"))
        status, _, raw = await wire.reply()
        assert (status, json.loads(raw)["code"]) == (408, "request-timeout")

    on_the_wire(script, QUICK)
