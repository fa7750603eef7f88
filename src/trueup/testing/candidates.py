"""The version that a project's own tests are about. Read ``plugin.py`` first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation.errors import TrueupError
from trueup.foundation.text import listing
from trueup.lifecycle.gates import running
from trueup.lifecycle.gates.alone import Findings, demands
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.models.records import Signature
from trueup.ports.format import Scores

if TYPE_CHECKING:
    import polars as pl


class Candidate:
    """A model version and the rows it is judged on.

    Attributes:
        ref: Its reference, such as `flights@12`.
        rows: The rows set aside, with the label.
        trained_on: The rows that it learned from, with the label; None when they are not known.
        label: Column that is predicted.
        labels: Its values, shape [n].
        scores: Its answers to the rows, shape [n] or [n, k].
        signature: What it takes and gives.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.ref: str = evidence.ref
        self.rows: pl.DataFrame = evidence.holdout
        self.trained_on: pl.DataFrame | None = evidence.trained_on
        self.label: str = evidence.label
        self.labels = evidence.labels
        self.scores: Scores = evidence.scores
        self.signature: Signature = evidence.signature

    def __repr__(self) -> str:
        return f"<candidate {self.ref}, {self.rows.height:,} rows>"

    def predict(self, rows: pl.DataFrame) -> Scores:
        """Its answers to any rows that have its inputs, shape [n] or [n, k]."""
        from trueup.lifecycle.models.rules import conform

        return self._evidence.predict(conform(rows, self.signature))

    def check(self, kind: str, **settings: Any) -> Findings:
        """One family of checks about it, with settings as in a goal of the plan.

        Example: `assert candidate.check("limit", metric="roc_auc", at_least=0.7).passed`.

        Raises:
            UsageError: There is no such check, or its settings are wrong.
        """
        wanted = demands([{"kind": kind, **settings}], "evidence")
        return Findings(running.run([running.Asked("", each) for each in wanted], self._evidence))


@contextmanager
def opened(root: Path, named: str) -> Iterator[Candidate]:
    """The version that is named, or else the newest of the only model of the project."""
    try:
        workspace = open_workspace(root)
    except TrueupError as error:
        _refuse(error.message, error.hint)
    with workspace:
        try:
            found = _candidate(workspace, named)
        except TrueupError as error:
            _refuse(error.message, error.hint)
        yield found


def _candidate(workspace: Workspace, named: str) -> Candidate:
    actor = workspace.owner
    model, _, selector = (named or _only(workspace)).removeprefix("model:").partition("@")
    return Candidate(workspace.gates.evidence(actor, model, selector))


def _only(workspace: Workspace) -> str:
    """The project's model; its newest version is meant."""
    names = workspace.models.names(workspace.owner)
    if len(names) != 1:
        said = f"models {listing(names)}" if names else "no model version yet"
        cure = f"--trueup-model {names[0]}" if names else "trueup run"
        _refuse(f"Nobody said which model the tests are about: the project has {said}.", cure)
    return names[0]


def _refuse(message: str, cure: str) -> NoReturn:
    """End the tests that asked for a candidate, without a trace of our own code."""
    pytest.fail(f"{message}\n\n hint: {cure}", pytrace=False)
