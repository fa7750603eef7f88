"""Where a server learns what to serve: `registry.py` reads it from the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from trueup.lifecycle.models.records import Signature
from trueup.lifecycle.releases.records import Route
from trueup.ports.format import Predictor


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory.

    Attributes:
        model_ref: Model version, such as `flights@3`.
        release: Release number under which it serves.
        signature: What it takes and gives.
        predictor: Scores rows.
    """

    model_ref: str
    release: int
    signature: Signature
    predictor: Predictor


class ModelSource(Protocol):
    """Says where traffic goes, and loads models. Called from a thread of the follower's."""

    def routes(self) -> Mapping[str, Route]:
        """The route of every deployment that serves. Cheap: it is asked several times a second."""
        ...

    def load(self, model_ref: str, release: int) -> LoadedModel:
        """A model version that may serve under this release.

        Raises:
            TrueupError: It may not, or cannot be loaded.
        """
        ...
