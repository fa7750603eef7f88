"""The other process: it trains once for each change, in a project built from a version's record.

`python -m trueup.app.rebuilding.training`; the order comes as JSON on stdin, what was made is the
last line of stdout. Steps before the one that trains are not run again unless a change needs it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import polars as pl

from trueup.foundation.errors import TrueupError
from trueup.foundation.records import Record, decode, encode
from trueup.foundation.text import listing
from trueup.lifecycle.data import tables
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.gates.rebuilding import Change
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.pipeline.drawing import graph
from trueup.lifecycle.pipeline.drawing.graph import Candidate, Graph, Node, Output
from trueup.lifecycle.pipeline.passing import frames, handing, keeping, values
from trueup.lifecycle.pipeline.records import StoredValue
from trueup.lifecycle.runs.execution.frontier import before
from trueup.ports.blobs import Blobs
from trueup.ports.loading import load

_FORMATS: Final = (
    *("%Y-%m-%dT%H:%M:%S%.fZ", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"),
    *("%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%d %H:%M:%S%.f%:z"),
)


class Order(Record):
    """What to make.

    Attributes:
        root: The project, built afresh.
        pipeline: Name of the pipeline.
        parameters: Values of its parameters.
        run: The run that made the version.
        blobs: URL of the blob store.
        data: The dataset versions that it read.
        outputs: What its steps returned, by name.
        changes: One training for each.
    """

    root: str
    pipeline: str
    parameters: dict[str, Any]
    run: str
    blobs: str
    data: dict[str, DatasetVersion]
    outputs: dict[str, StoredValue]
    changes: tuple[Change, ...]


class Made(Record):
    """What came of one change: a model, or why there is none."""

    model: StoredValue | None = None
    trouble: str = ""
    seconds: float = 0.0


class _Unfit(Exception):
    """A change that this pipeline cannot be given."""


class _Training:
    def __init__(self, order: Order, drawn: Graph, candidate: Candidate, blobs: Blobs) -> None:
        self._order = order
        self._graph = drawn
        self._candidate = candidate
        self._blobs = blobs
        self._change = Change()
        self._known: dict[int, StoredValue] = {}
        self._cut: dict[str, StoredValue] = {}

    def make(self, change: Change) -> Made:
        started = time.perf_counter()
        self._change, self._known, self._cut = change, {}, {}
        try:
            self._cut = self._older() if change.column else {}
            last = graph.source_of(self._candidate.model)
            assert isinstance(last, int)
            first = before(self._graph, last) if change.whole or change.column else frozenset()
            for index in sorted({*first, last}):
                self._known[index] = self._perform(self._graph.nodes[index], index == last)
            model = self._value(self._candidate.model)
        except _Unfit as error:
            return Made(trouble=str(error))
        except TrueupError as error:
            return Made(trouble=error.message)
        return Made(model=model, seconds=time.perf_counter() - started)

    def _perform(self, node: Node, is_last: bool) -> StoredValue:
        if node.over or node.step is None or node.conditions:
            what = "goes over a list" if node.over else "hangs on a choice"
            raise _Unfit(f"step '{node.name}' {what}, and such a step is not trained again")
        given = {
            name: graph.replaced(written, self._given) for name, written in node.arguments.items()
        }
        if is_last:
            self._alter(node, given)
        return handing.perform(
            node.called,
            node.name,
            node.at,
            given,
            blobs=self._blobs,
            root=Path(self._order.root),
            hide=lambda _words: None,
            run=self._order.run,
        ).outputs

    def _alter(self, node: Node, given: dict[str, Any]) -> None:
        for name, value in self._change.arguments.items():
            if name not in given:
                raise _Unfit(
                    f"step '{node.name}' takes no argument '{name}'; it takes {listing(given)}"
                )
            given[name] = value
        if not self._change.blank:
            return
        wanted = self._candidate.trained_on
        taken = [
            name
            for name, written in node.arguments.items()
            if isinstance(written, Output) and _place(written) == _place(wanted)
        ]
        if not taken:
            raise _Unfit(f"step '{node.name}' does not take the training rows as an argument")
        for name in taken:
            rows = frames.read(self._blobs.local_path(given[name].digest))
            column = pl.lit(self._change.value).cast(rows[self._change.blank].dtype)
            changed = rows.with_columns(column.alias(self._change.blank))
            given[name] = keeping.store(self._blobs, changed, node.name, node.at)

    def _given(self, output: Output) -> StoredValue | DatasetVersion:
        source = graph.source_of(output)
        if isinstance(source, str):
            return self._cut.get(source) or self._order.data[source]
        return self._value(output)

    def _value(self, output: Output) -> StoredValue:
        source = graph.source_of(output)
        assert isinstance(source, int)
        name = self._graph.nodes[source].name
        found = self._known.get(source) or self._order.outputs.get(name)
        if found is None:
            raise _Unfit(f"what step '{name}' returned is not known any more")
        for key in graph.path_of(output):
            found = values.part(self._blobs, found, key, name, graph.place_of(output))
        return found

    def _older(self) -> dict[str, StoredValue]:
        """The datasets that have the column, without their younger rows."""
        name = self._change.column
        rows = {
            dataset: tables.load(self._blobs, version)
            for dataset, version in self._order.data.items()
            if name in version.columns
        }
        if not rows:
            known = {column for version in self._order.data.values() for column in version.columns}
            raise _Unfit(
                f"no dataset has the column '{name}'; they have {listing(sorted(known)[:8])}"
            )
        times = {dataset: _moments(frame[name]) for dataset, frame in rows.items()}
        newest = min(series.max() for series in times.values())  # type: ignore[type-var]
        line = newest - self._change.age * 1e6  # type: ignore[operator]
        kept = {dataset: frame.filter(times[dataset] <= line) for dataset, frame in rows.items()}
        if any(frame.is_empty() for frame in kept.values()):
            raise _Unfit(f"no row is older than {self._change.age / 86400:g} days by '{name}'")
        place = graph.place_of(self._candidate.model)
        return {d: keeping.store(self._blobs, frame, d, place) for d, frame in kept.items()}


def _moments(column: pl.Series) -> pl.Series:
    """Microseconds since 1970."""
    if column.dtype == pl.String:
        known = column.drop_nulls()
        for form in _FORMATS:
            if known.head(100).str.to_datetime(form, strict=False).null_count() == 0:
                column = column.str.to_datetime(form, strict=False)
                break
        else:
            column = column.str.to_date("%Y-%m-%d", strict=False)
    if column.dtype == pl.Date:
        column = column.cast(pl.Datetime("us"))
    if not isinstance(column.dtype, pl.Datetime) or column.null_count() == len(column):
        raise _Unfit(f"column '{column.name}' holds no moments in time")
    return column.dt.timestamp("us")


def _place(output: Output) -> tuple[str | int, tuple[str, ...]]:
    return graph.source_of(output), graph.path_of(output)


def obey(order: Order) -> tuple[Made, ...]:
    """Train once for each change."""
    root = Path(order.root)
    with discovery.on_path(root):
        drawn = discovery.find(root, order.pipeline).draw(order.parameters, root)
        if drawn.candidate is None or not isinstance(graph.source_of(drawn.candidate.model), int):
            raise _Unfit("the pipeline offers no model that a step makes")
        blobs = load("blobs", urlsplit(order.blobs).scheme)(order.blobs)
        training = _Training(order, drawn, drawn.candidate, blobs)
        return tuple(training.make(change) for change in order.changes)


def main() -> None:
    """Read the order, obey, and answer on the last line of stdout."""
    order = decode(sys.stdin.buffer.read(), Order)
    try:
        made = obey(order)
    except (TrueupError, _Unfit) as error:
        said = error.message if isinstance(error, TrueupError) else str(error)
        made = (Made(trouble=said),) * len(order.changes)
    sys.stdout.write("\n" + encode(made).decode() + "\n")


if __name__ == "__main__":
    main()
