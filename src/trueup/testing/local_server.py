"""A real HTTP server on this machine, up for a `with` block: what fake services stand on."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class LocalServer:
    """Serves in a thread of its own, at a port nobody else has."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    """Hands a request of any method to one place, and prints nothing."""

    protocol_version = "HTTP/1.1"

    def handle_request(self, method: str) -> None:
        """Answer a request."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """GET."""
        self.handle_request("GET")

    def do_POST(self) -> None:
        """POST."""
        self.handle_request("POST")

    def do_PATCH(self) -> None:
        """PATCH."""
        self.handle_request("PATCH")

    def do_PUT(self) -> None:
        """PUT."""
        self.handle_request("PUT")

    def log_message(self, *_parts: Any) -> None:
        """Say nothing."""
