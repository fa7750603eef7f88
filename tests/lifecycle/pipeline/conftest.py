"""What the tests of steps share: a project's folder with a store, and calls as by a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from trueup.backends.blobs.local import Backend
from trueup.lifecycle.pipeline.decorators import pipeline
from trueup.lifecycle.pipeline.drawing import graph
from trueup.lifecycle.pipeline.passing import handing, keeping, values
from trueup.lifecycle.pipeline.records import Place, StoredValue

AT = Place("pipelines/flights.py", 7)


class Bench:
    """A folder in which steps are performed one by one, as a worker does it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = Backend(f"local://{root / '.trueup' / 'blobs'}")
        self.hidden: list[str] = []

    def write(self, file: str, text: str) -> Path:
        """A file of the project."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def hide(self, words: Iterable[str]) -> None:
        """What a log would hide."""
        self.hidden += words

    def store(self, value: Any) -> StoredValue:
        """A value as an earlier step left it."""
        return keeping.store(self.blobs, value, "earlier", AT)

    def load(self, stored: StoredValue) -> Any:
        """What the next step would get."""
        return values.load(self.blobs, stored)

    def perform(self, step: Any, **arguments: Any) -> StoredValue:
        """Perform one call of a step."""
        return self.performed(step, **arguments).outputs

    def performed(self, step: Any, **arguments: Any) -> handing.Performed:
        """Perform one call of a step; with what it opened."""
        return handing.perform(
            step, step.name, AT, arguments, blobs=self.blobs, root=self.root, hide=self.hide
        )

    def run(self, wire: Callable[[], Any], datasets: dict[str, Any] | None = None) -> list[Any]:
        """Perform the steps of a pipeline without maps and choices; what each returned."""
        drawn = pipeline(wire).draw({}, self.root)
        done: list[StoredValue] = []

        def value(output: graph.Output) -> Any:
            source = graph.source_of(output)
            if isinstance(source, str):
                return (datasets or {})[source]
            stored = done[source]
            for key in graph.path_of(output):
                stored = values.part(self.blobs, stored, key, "earlier", AT)
            return stored

        for node in drawn.nodes:
            arguments = graph.replaced(node.arguments, value)
            done.append(
                handing.perform(
                    node.called,
                    node.name,
                    node.at,
                    arguments,
                    blobs=self.blobs,
                    root=self.root,
                    hide=self.hide,
                ).outputs
            )
        return done


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A project's folder with an empty store."""
    root = tmp_path / "project"
    root.mkdir()
    return Bench(root)
