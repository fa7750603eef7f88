"""A real S3 server on this machine for tests: moto behind a door that counts and may refuse.

with S3Server() as server:
    url = server.new_bucket()
    ...
    assert len(server.requests) < 10
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, NamedTuple, Self

from trueup.foundation.errors import MissingExtraError
from trueup.testing.expecting import expect

KEY_ID = "AKIATRUEUPTEST"
KEY = "canary-of-the-secret-key"

Start = Callable[..., Any]


class Request(NamedTuple):
    """A request that came in: its method, and its path with the query."""

    method: str
    path: str


class S3Server:
    """S3 over HTTP at a free port of 127.0.0.1, in a thread of this process."""

    def __init__(self) -> None:
        try:
            from moto.moto_server.werkzeug_app import (
                DomainDispatcherApplication,
                create_backend_app,
            )
            from werkzeug.serving import make_server
        except ImportError as error:
            raise MissingExtraError("moto", "dev") from error
        self.requests: list[Request] = []
        self.answer: Callable[[Request], str | None] = lambda request: None
        """What is answered instead, such as "503 SlowDown"; None lets the request through."""
        # S3 compares and writes in one step; moto lets another request come in between.
        self._comparing = threading.Lock()
        self._behind: Any = DomainDispatcherApplication(create_backend_app)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = make_server("127.0.0.1", 0, self._door, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs in its environment to speak to this server."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_port}",
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_REGION": "us-east-1",
            "TRUEUP_RETRIES": "3",
        }

    def new_bucket(self) -> str:
        """The URL of an empty bucket, as a remote would name it."""
        name = f"bucket-{secrets.token_hex(8)}"
        signed = f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20261122/us-east-1/s3/aws4_request"
        connection = HTTPConnection("127.0.0.1", self._server.server_port)
        connection.request("PUT", f"/{name}", headers={"authorization": signed})
        answer = connection.getresponse()
        connection.close()
        expect(answer.status == 200, f"no bucket could be made: {answer.status}")
        return f"s3://{name}/prefix"

    @contextmanager
    def recorded(self) -> Iterator[list[Request]]:
        """The requests that come in during the block."""
        self.requests = []
        yield self.requests

    @contextmanager
    def answering(self, answer: Callable[[Request], str | None]) -> Iterator[None]:
        """Answer some requests otherwise during the block."""
        before, self.answer = self.answer, answer
        try:
            yield
        finally:
            self.answer = before

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _door(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        query = environ.get("QUERY_STRING", "")
        path = environ.get("PATH_INFO", "") + (f"?{query}" if query else "")
        request = Request(environ["REQUEST_METHOD"], path)
        self.requests.append(request)
        refused = self.answer(request)
        if refused is None:
            compares = {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"} & environ.keys()
            with self._comparing if compares else nullcontext():
                answered: Iterable[bytes] = self._behind(environ, start)
            return answered
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status, _, code = refused.partition(" ")
        body = f"<Error><Code>{code}</Code><Message>{KEY}</Message></Error>".encode()
        start(f"{status} {code}", [("content-length", str(len(body)))])
        return [body]
