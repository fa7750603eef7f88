"""Where a server learns what to serve: `registry.py` reads it from the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from trueup.foundation.errors import TrueupError
from trueup.lifecycle.models.records import Signature
from trueup.lifecycle.releases.records import Arm, Route
from trueup.ports.format import Predictor


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory.

    Attributes:
        model_ref: Model version, such as `flights@3`.
        release: Release number under which it serves; 0 where an alias is followed.
        signature: What it takes and gives.
        predictor: Scores rows.
        bytes: About how much memory it takes; 0 where that is not known.
    """

    model_ref: str
    release: int
    signature: Signature
    predictor: Predictor
    bytes: int = 0


class ModelSource(Protocol):
    """Says where traffic goes, and loads models. Called from threads of the follower's."""

    def routes(self) -> Mapping[str, Route]:
        """The route of every deployment that serves. Cheap: it is asked several times a second."""
        ...

    def load(self, model_ref: str, release: int, deployment: str = "") -> LoadedModel:
        """A model version that may serve under this release.

        Raises:
            TrueupError: It may not, or cannot be loaded.
        """
        ...

    def before(self, route: Route) -> Route | None:
        """What served before the newest release of a route, if anything did."""
        ...

    def seconds_to_load(self, deployment: str) -> float:
        """How long loading a version, proving it and warming it up may take."""
        ...

    def served(self, deployment: str, arm: Arm, seconds: float, size: int) -> None:
        """Note that a model answers now; loading took so long, and so much memory if known."""
        ...

    def refused(self, deployment: str, arm: Arm, error: TrueupError) -> None:
        """Note why a model does not answer, for people to see."""
        ...
