"""The demo's caller: asks for predictions over HTTP, sends labels later, and keeps its own books.

Its books (`acknowledged.jsonl`) say which answers it received; they are compared with the journal
at the end, so "nothing lost" is checked from both sides.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec

from trueup.app.demo.traffic import Batch
from trueup.foundation.errors import BackendError
from trueup.lifecycle.models.records import ColumnKind, Signature

_DATATYPES: dict[ColumnKind, str] = {
    "number": "FP64",
    "integer": "INT64",
    "text": "BYTES",
    "boolean": "BOOL",
}
_TRIES = 5
_AT_ONCE = 8


class Acknowledged(NamedTuple):
    """One answer that the caller received.

    Attributes:
        key: Idempotency key of the request.
        request: Request part of its prediction ids.
        rows: Number of rows.
        milliseconds: From sending to answer.
    """

    key: str
    request: str
    rows: int
    milliseconds: float


class Client:
    """Talks to one deployment."""

    def __init__(self, url: str, deployment: str, signature: Signature, books: Path) -> None:
        # The server is on this machine: a proxy that the environment names must not be asked.
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._asked: deque[Future[Acknowledged]] = deque()
        self._labels: deque[Future[dict[str, Any]]] = deque()
        self._deployment = deployment
        kinds = {column.name: column.kind for column in signature.inputs}
        self._datatypes = {name: _DATATYPES[kind] for name, kind in kinds.items()}
        self.answers = read_books(books)
        self._books = books.open("ab", buffering=0)
        self._log = books.with_name("server.log")

    def predict(self, batches: Iterable[Batch]) -> None:
        """Begin to ask about batches in their order; answered ones are not asked again."""
        for batch in batches:
            if batch.key not in self.answers:
                self._asked.append(self._pool.submit(self._ask, batch))

    def label(self, batches: Iterable[Batch], at: datetime) -> None:
        """Begin to send what happened with these batches; flights that never arrived have none."""
        ids: list[str] = []
        labels: list[float] = []
        for batch in batches:
            request = self._answer(batch.key).request
            for row, label in enumerate(batch.labels):
                if label is not None:
                    ids.append(f"{request}-{row}")
                    labels.append(label)
        if ids:
            body = {"predictions": ids, "labels": labels, "at": at.isoformat()}
            self._labels.append(self._pool.submit(self._post, "feedback", body, {}))

    def settle(self) -> None:
        """Wait until everything that was sent is answered and on record."""
        while self._asked:
            self._receive()
        while self._labels:
            self._labels.popleft().result()

    def versions(self) -> set[str]:
        """The model versions that the server says it serves now."""
        reply = self._send("GET", f"/v2/models/{self._deployment}")
        return set(msgspec.json.decode(reply.content).get("versions", []))

    def close(self) -> None:
        """Close the connections and the books."""
        self._pool.shutdown(cancel_futures=True)
        self._http.close()
        self._books.close()

    def _answer(self, key: str) -> Acknowledged:
        while key not in self.answers:
            self._receive()
        return self.answers[key]

    def _receive(self) -> None:
        """Take the oldest answer that is still out, and write it into the books."""
        answer = self._asked.popleft().result()
        self._books.write(msgspec.json.encode(answer) + b"\n")
        self.answers[answer.key] = answer

    def _ask(self, batch: Batch) -> Acknowledged:
        count = len(batch.labels)
        body = {
            "id": batch.key,
            "parameters": {"at": batch.at.isoformat()},
            "inputs": [
                {
                    "name": name,
                    "shape": [count],
                    "datatype": self._datatypes.get(name, "BYTES"),
                    "data": values,
                }
                for name, values in batch.inputs.items()
            ],
        }
        started = time.perf_counter()
        reply = self._post("infer", body, {"Idempotency-Key": batch.key})
        milliseconds = (time.perf_counter() - started) * 1000
        outputs = {output["name"]: output["data"] for output in reply["outputs"]}
        request = str(outputs["prediction_id"][0]).rpartition("-")[0]
        return Acknowledged(batch.key, request, count, milliseconds)

    def _post(self, verb: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        path = f"/v2/models/{self._deployment}/{verb}"
        raw = msgspec.json.encode(body)
        for attempt in range(_TRIES):
            reply = self._send(
                "POST", path, content=raw, headers={"content-type": "application/json", **headers}
            )
            if reply.status_code not in (429, 503):
                break
            time.sleep(0.1 * 2**attempt)
        if reply.status_code != 200:
            raise BackendError(
                "server-refused",
                f"The prediction server answered {reply.status_code} to {verb}: {reply.text[:200]}",
                hint="trueup demo",
            )
        decoded: dict[str, Any] = msgspec.json.decode(reply.content)
        return decoded

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise BackendError(
                "server-gone",
                f"The prediction server no longer answers: {error}.",
                hint=f"tail '{self._log}'   (then run the same command again: it goes on)",
            ) from error


def read_books(books: Path) -> dict[str, Acknowledged]:
    """Every answer the caller received, by key; a last line torn by a kill is cut off."""
    if not books.exists():
        return {}
    raw = books.read_bytes()
    whole = raw[: raw.rfind(b"\n") + 1]
    if len(whole) < len(raw):
        with books.open("r+b") as file:
            file.truncate(len(whole))
    answers = (msgspec.json.decode(line, type=Acknowledged) for line in whole.splitlines())
    return {answer.key: answer for answer in answers}
