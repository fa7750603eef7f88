"""Shipping: what runs logged goes from the outbox to this project, or to a server by its URL.

One process ships from an outbox at a time. What was received is noted, then removed; a batch that
was received and not noted is sent again, and changes nothing. Read
`lifecycle/runs/logging/reading.py` for what a batch is.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

import msgspec

from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation.configuration import FILE, HOME
from trueup.foundation.errors import (
    BackendError,
    ConflictError,
    DeniedError,
    NotFoundError,
    TrueupError,
    UsageError,
    of_problem,
)
from trueup.foundation.records import Record
from trueup.lifecycle.runs.logging import outbox
from trueup.lifecycle.runs.logging.reading import Piece, Reader
from trueup.lifecycle.runs.logging.records import Opening
from trueup.lifecycle.runs.tracking.files import rules as file_rules
from trueup.lifecycle.runs.tracking.receiving.records import Batch, Received, packed

_POLL_S: Final = 0.1
_BEAT_S: Final = 30.0
_AGAIN_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)
_GIVES_UP_S: Final = 120.0  # nobody writes and nobody receives: the next process tries again
_EMPTY_S: Final = 60.0  # a folder without a segment this old was never begun
_OUTPUT: Final = "output.txt"
_OUTPUT_S: Final = 15.0
_PROXIED: Final = "mlflow-artifacts:"


class Sink(Protocol):
    """Where batches go."""

    def receive(self, batch: Batch) -> Received:
        """Keep a batch; returns when it is kept."""
        ...

    def keep(self, run: str, path: str, file: Path) -> None:
        """Keep a file of a run."""
        ...


class Shipment(Record):
    """What was shipped of one writer.

    Attributes:
        run: Identifier of the run; empty if nothing could be read.
        points: Points.
        files: Files.
        is_over: Whether all of it was shipped and nothing will follow.
        waits: Why the rest waits, if it does.
    """

    run: str
    points: int
    files: int
    is_over: bool
    waits: str = ""


class Project:
    """The project itself.

    Args:
        workspace: The project.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._roots: dict[str, str] = {}

    def receive(self, batch: Batch) -> Received:
        """Keep a batch."""
        return self._workspace.receiving.receive(self._workspace.owner, batch)

    def keep(self, run: str, path: str, file: Path) -> None:
        """Keep a file of a run."""
        root = self._roots.get(run)
        if root is None:
            root = self._workspace.tracking.show(self._workspace.owner, run).artifacts
            self._roots[run] = root
        if not root.startswith(_PROXIED):
            raise UsageError(
                "artifact-root-unusable",
                f"The files of run {run} are kept at {root[:200]}, where only its server writes.",
                hint="TRUEUP_URL=http://127.0.0.1:8080 trueup runs ship",
            )
        place = f"{root.removeprefix(_PROXIED).strip('/')}/{file_rules.checked(path)}"
        with (
            file.open("rb") as source,
            self._workspace.files.receiving(self._workspace.owner, place) as target,
        ):
            shutil.copyfileobj(source, target)


class Server:
    """A server of Trueup, by its URL.

    Args:
        url: Its address.
        token: Of whoever logs; none for a server on this machine.
    """

    def __init__(self, url: str, token: str) -> None:
        import httpx

        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._url = url
        self._client = httpx.Client(base_url=url, headers=headers, timeout=30.0)

    def receive(self, batch: Batch) -> Received:
        """Keep a batch."""
        raw = msgspec.json.encode({"batch": packed(batch)})
        return msgspec.json.decode(self._ask("/api/v1/batches", raw), type=Received)

    def keep(self, run: str, path: str, file: Path) -> None:
        """Keep a file of a run."""
        at = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path={quote(path, safe='')}"
        self._ask(at, _pieces(file))

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _ask(self, path: str, content: Any) -> bytes:
        import httpx

        try:
            answer = self._client.post(
                path, content=content, headers={"content-type": "application/json"}
            )
        except httpx.HTTPError as error:
            raise BackendError(
                "shipping-server-away",
                f"The server {self._url} does not answer: {type(error).__name__}.",
                hint="trueup runs ship",
            ) from error
        if answer.is_success:
            return answer.content
        raise self._refusal(answer.status_code, answer.content)

    def _refusal(self, status: int, raw: bytes) -> TrueupError:
        with suppress(msgspec.MsgspecError, KeyError, TypeError):
            return of_problem(msgspec.json.decode(raw))
        words = f"The server {self._url} answered {status}."
        if status in (401, 403):
            return DeniedError("shipping-refused", words, hint="export TRUEUP_TOKEN=...")
        if status in (400, 404, 409, 413):
            return UsageError("shipping-refused", words, hint="trueup runs ship")
        return BackendError("shipping-server-away", words, hint="trueup runs ship")


class Shipper:
    """Ships from one outbox.

    Args:
        place: The outbox.
        sinks: Opens where an opening's batches go; called once for each URL.
    """

    def __init__(self, place: Path, sinks: Callable[[str], Sink]) -> None:
        self._place = place
        self._open = sinks
        self._sinks: dict[str, Sink] = {}
        self._readers: dict[Path, _Line] = {}

    def once(self) -> list[Shipment]:
        """Ship everything that is there now; one shipment a writer, also for those that wait."""
        done = []
        for folder in outbox.writers(self._place):
            line = self._readers.get(folder)
            if line is None:
                line = self._readers[folder] = _Line(folder)
            done.append(line.ship(self._sink))
            if line.reader.is_over:
                del self._readers[folder]
                shutil.rmtree(folder, ignore_errors=True)
        return done

    def follow(self) -> None:
        """Ship as long as anybody writes, and until the rest is received or nobody takes it."""
        heard = time.monotonic()
        while True:
            done = self.once()
            now = time.monotonic()
            is_written = any(outbox.is_alive(folder) for folder in self._readers)
            if is_written or any(each.points or each.files for each in done):
                heard = now
            waiting = [each for each in done if not each.is_over]
            if not waiting and not outbox.writers(self._place):
                return
            is_hopeless = all(line.is_refused for line in self._readers.values())
            if waiting and is_hopeless and not is_written:
                return  # and who says where to does not find the outbox taken
            if now - heard > (_GIVES_UP_S if any(each.waits for each in waiting) else _EMPTY_S):
                return
            time.sleep(_POLL_S)

    def _sink(self, url: str) -> Sink:
        if url not in self._sinks:
            self._sinks[url] = self._open(url)
        return self._sinks[url]


class _Line:
    """One writer's way to its sink, with its patience."""

    def __init__(self, folder: Path) -> None:
        self.reader = Reader(folder)
        self._failures = 0
        self._again_at = 0.0
        self._beat_at = time.monotonic()
        self._waits = ""
        self.is_refused = False  # it would be tomorrow, too
        self._output = (0, 0.0)

    def ship(self, sink_of: Callable[[str], Sink]) -> Shipment:
        points = files = 0
        if time.monotonic() >= self._again_at:
            try:
                for piece in self._pieces():
                    sink = sink_of(piece.opening.url)
                    self._receive(sink, piece)
                    points += len(piece.batch.points)
                    files += len(piece.files)
                self._go_on(sink_of)
                self._failures, self._waits, self.is_refused = 0, "", False
            except (TrueupError, OSError) as error:
                self._wait(error)
        opening = self.reader.opening
        return Shipment(
            run=opening.run if opening else "",
            points=points,
            files=files,
            is_over=self.reader.is_over,
            waits=self._waits,
        )

    def _pieces(self) -> Iterator[Piece]:
        while (piece := self.reader.next()) is not None:
            yield piece

    def _receive(self, sink: Sink, piece: Piece) -> None:
        if piece.files:  # their run must be there
            sink.receive(msgspec.structs.replace(piece.batch, state=None, ended_at=None))
        for file in piece.files:
            stored = self.reader.folder / "files" / file.stored
            if stored.exists():  # else it was received, and the note of that was not written
                sink.keep(piece.batch.run, file.path, stored)
        if piece.shipped.is_over:
            sink.receive(msgspec.structs.replace(piece.batch, state=None, ended_at=None))
            self._keep_output(sink, piece.opening)
        if not piece.files:
            sink.receive(piece.batch)
        self.reader.note(piece)
        for file in piece.files:
            (self.reader.folder / "files" / file.stored).unlink(missing_ok=True)
        self._beat_at = time.monotonic()

    def _go_on(self, sink_of: Callable[[str], Sink]) -> None:
        """Nothing was logged: say that the run goes on, and show what it printed meanwhile."""
        now = time.monotonic()
        opening = self.reader.opening
        if opening is None or self.reader.is_over:
            return
        if now - self._output[1] > _OUTPUT_S:
            self._keep_output(sink_of(opening.url), opening)
        beat = self.reader.beat()
        if beat is not None and now - self._beat_at > _BEAT_S:
            sink_of(opening.url).receive(beat)
            self._beat_at = now

    def _keep_output(self, sink: Sink, opening: Opening) -> None:
        file = self.reader.folder / _OUTPUT
        size = file.stat().st_size if file.exists() else 0
        if size != self._output[0]:
            sink.keep(opening.run, _OUTPUT, file)
        self._output = size, time.monotonic()

    def _wait(self, error: TrueupError | OSError) -> None:
        self._waits = str(error)
        self._again_at = time.monotonic() + _AGAIN_S[min(self._failures, len(_AGAIN_S) - 1)]
        self._failures += 1
        refusals = (UsageError, ConflictError, DeniedError, NotFoundError)
        self.is_refused = isinstance(error, refusals)
        if self.is_refused:
            with suppress(OSError):
                how_far = outbox.shipped(self.reader.folder)
                outbox.note_shipped(
                    self.reader.folder, msgspec.structs.replace(how_far, refused=str(error)[:500])
                )


def ship(place: Path, *, follow: bool = False) -> list[Shipment] | None:
    """Ship what lies in an outbox.

    Args:
        place: The outbox.
        follow: Go on as long as anybody writes; then nothing comes out.

    Returns:
        What was shipped of each writer; None when another process ships from there.
    """
    with outbox.shipping(place) as is_ours, ExitStack() as stack:
        if not is_ours:
            return None

        def open_(url: str) -> Sink:
            address = url or ("" if _is_of_project(place) else os.environ.get("TRUEUP_URL", ""))
            if address:
                server = Server(address.rstrip("/"), os.environ.get("TRUEUP_TOKEN", ""))
                stack.callback(server.close)
                return server
            start = place.parent.parent if _is_of_project(place) else Path.cwd()
            return Project(stack.enter_context(open_workspace(start)))

        shipper = Shipper(place, open_)
        if follow:
            shipper.follow()
            return []
        return shipper.once()


def _is_of_project(place: Path) -> bool:
    return place.parent.name == HOME and (place.parent.parent / FILE).is_file()


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(1 << 20):
            yield piece
