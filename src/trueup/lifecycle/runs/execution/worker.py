"""Carrying out one call of a step, wherever the engine put it: JSON in, JSON out.

The worker draws the pipeline again, so that no code travels; `executing.py` says what is expected.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from trueup.foundation.errors import ConflictError, InternalError, TrueupError
from trueup.foundation.records import Record, builtins, encode
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.pipeline.code import fingerprint
from trueup.lifecycle.pipeline.drawing import graph
from trueup.lifecycle.pipeline.drawing.graph import Graph, Node, Output
from trueup.lifecycle.pipeline.passing import handing, values
from trueup.lifecycle.pipeline.records import StoredValue
from trueup.lifecycle.runs.logging import ambient
from trueup.ports.blobs import Blobs
from trueup.ports.engine import Log, Perform
from trueup.ports.loading import load

ENTRY = f"{__name__}:prepare"

# Libraries of models, and the formats that hold what they make.
_FORMATS: Final = {"sklearn": "skops"}
_project = ExitStack()


class _Here(NamedTuple):
    drawn: Graph
    blobs: Blobs | None


# Runs under way in this very process.
_here: dict[str, _Here] = {}


@contextmanager
def at_hand(run: str, drawn: Graph, blobs: Blobs | None) -> Iterator[None]:
    """What an engine without processes need not make again, for as long as the block takes.

    Args:
        run: Identifier of the run.
        drawn: Its graph.
        blobs: Its store, when values are held back before they are written.
    """
    _here[run] = _Here(drawn, blobs)
    try:
        yield
    finally:
        del _here[run]


class Setup(Record):
    """What a worker needs for all steps of a run.

    Attributes:
        run: Identifier of the run.
        root: The project's folder.
        pipeline: Name of the pipeline.
        parameters: Values of its parameters.
        code: Fingerprint of its code; empty when it has none.
        blobs: URL of the blob store.
        data: The dataset versions that it reads.
    """

    run: str
    root: str
    pipeline: str
    parameters: dict[str, Any]
    code: str
    blobs: str
    data: dict[str, DatasetVersion]


class Call(Record):
    """One call of a step.

    Attributes:
        node: Index of the node in the graph.
        step: Name of its step, to be sure.
        name: How the call is named to people: the node's name, with the number of the item.
        item: Number of the item; -1 for a call that is for no item.
        values: The values of other steps that it takes, by `address`.
        stored: Its items that lie in the blob store, by argument.
        plain: Its items that are plain data, by argument.
        attempt: Which try this is, from 1.
    """

    node: int
    step: str
    name: str
    item: int = -1
    values: dict[str, StoredValue] = {}
    stored: dict[str, StoredValue] = {}
    plain: dict[str, Any] = {}
    attempt: int = 1


class Given(Record):
    """What a call gave.

    Attributes:
        outputs: Where the result lies; None when the call failed.
        metrics: The numbers in it.
        opened: The files of the project that it opened by itself, with their digests.
        unclear: Why the result must not be reused; empty when it may.
        error: Why it failed, as `TrueupError.as_problem` says it.
    """

    outputs: StoredValue | None = None
    metrics: dict[str, float] = {}
    opened: dict[str, str] = {}
    unclear: str = ""
    error: dict[str, Any] | None = None


def address(output: Output) -> str:
    """The name of an output in `Call.values`."""
    return encode([graph.source_of(output), *graph.path_of(output)]).decode()


def prepare(setup: dict[str, Any]) -> Perform:
    """Draw the pipeline; what comes back carries out its calls.

    Raises:
        TrueupError: The project's files have changed since the run began, or are wrong.
    """
    wanted = msgspec.convert(setup, Setup)
    root = Path(wanted.root)
    known = _here.get(wanted.run)
    if known is not None:
        drawn, store = known
    else:
        store = None
        _project.close()  # what the run before has imported of its project is forgotten
        _project.enter_context(discovery.on_path(root))  # steps may import more of it later
        pipeline = discovery.find(root, wanted.pipeline)
        drawn = pipeline.draw(wanted.parameters, root)
        _warm(wanted)
        if wanted.code and fingerprint.of_code(pipeline, root).digest != wanted.code:
            raise _changed(wanted.pipeline)
    worker = _Worker(wanted, root, drawn, store)

    def perform(argument: dict[str, Any], log: Log) -> Any:
        return builtins(worker.perform(msgspec.convert(argument, Call), log))

    return perform


def _warm(setup: Setup) -> None:
    """Import what the calls will need: the blob store, and formats of the models they may make.

    Here it is done once, before the calls are forked; in each of them it would take up to a second.
    """
    load("blobs", urlsplit(setup.blobs).scheme)
    for library, name in _FORMATS.items():
        if library in sys.modules:
            with suppress(TrueupError):  # not installed: the step that needs it will say so
                load("formats", name)


class _Worker:
    def __init__(self, setup: Setup, root: Path, drawn: Graph, store: Blobs | None) -> None:
        self._setup = setup
        self._root = root
        self._graph = drawn
        self._store = None if store is None else (os.getpid(), store)

    def perform(self, call: Call, log: Log) -> Given:
        try:
            node = self._graph.nodes[call.node] if call.node < len(self._graph.nodes) else None
            if node is None or node.called.name != call.step:
                raise _changed(self._setup.pipeline)
            blobs = self._blobs()
            with ambient.tagged(self._tags(call)):
                outputs, opened = handing.perform(
                    node.called,
                    call.name,
                    node.at,
                    self._arguments(node, call),
                    blobs=blobs,
                    root=self._root,
                    hide=log.hide,
                    run=self._setup.run,
                    attempt=call.attempt,
                )
            return Given(
                outputs=outputs,
                metrics=values.metrics(blobs, outputs),
                opened=opened.read,
                unclear=opened.unclear,
            )
        except TrueupError as error:
            return Given(error=_problem(error))
        except Exception as error:
            shown = InternalError("internal", f"{type(error).__name__}: {error}")
            return Given(error=shown.as_problem())

    def _tags(self, call: Call) -> dict[str, str]:
        """What a run that the step's own code reports says about where it ran."""
        return {
            "trueup.run": f"run:{self._setup.run}",
            "trueup.step": call.name,
            "trueup.pipeline": self._setup.pipeline,
        }

    def _blobs(self) -> Blobs:
        """The store, opened in this very process: its connections would not survive a fork."""
        process = os.getpid()
        if self._store is None or self._store[0] != process:
            url = self._setup.blobs
            self._store = process, load("blobs", urlsplit(url).scheme)(url)
        return self._store[1]

    def _arguments(self, node: Node, call: Call) -> dict[str, Any]:
        """The arguments, with stored values and dataset versions where they are to be filled in."""

        def value(output: Output) -> Any:
            source = graph.source_of(output)
            known = self._setup.data
            return known[source] if isinstance(source, str) else call.values[address(output)]

        found: dict[str, Any] = {}
        for name, written in node.arguments.items():
            if name in call.stored:
                found[name] = call.stored[name]
            elif name in call.plain:
                found[name] = call.plain[name]
            else:
                one = written[call.item] if name in node.over else written
                found[name] = graph.replaced(one, value)
        return found


def _problem(error: TrueupError) -> dict[str, Any]:
    """The error as JSON; what the user's code put into it may be anything."""
    problem = error.as_problem()
    try:
        msgspec.json.encode(problem)
    except (TypeError, ValueError, RecursionError):
        problem.pop("context", None)
    return problem


def _changed(pipeline: str) -> ConflictError:
    return ConflictError(
        "code-changed",
        f"The files of pipeline '{pipeline}' have changed since the run began.",
        hint=f"trueup run {pipeline}",
    )
