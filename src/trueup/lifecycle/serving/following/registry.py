"""Where the server gets its routes and models: the releases and the registry of this project.

It refuses a model version without a genuine PASSED verdict under the plan in force.
"""

from __future__ import annotations

from trueup.foundation.actor import service
from trueup.lifecycle.gates.standing import require_passed
from trueup.lifecycle.models import leave
from trueup.lifecycle.models.service import find, load_predictor
from trueup.lifecycle.releases.records import Route
from trueup.lifecycle.releases.service import Releases
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.state.unit import State

_SERVER = service("server")


class Registry:
    """A `ModelSource` over the project's database and blobs."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._releases = Releases(state)

    def routes(self) -> dict[str, Route]:
        """Where the traffic of every deployment goes now."""
        return {name: r for name, r in self._releases.routes(_SERVER).items() if r.arms}

    def load(self, model_ref: str, release: int) -> LoadedModel:
        """A model version, ready to answer.

        Raises:
            GateFailedError: It has no passing verdict under the plan in force.
            DeniedError: It is code that the plan in force does not let run.
            BackendError: Its file is damaged.
        """
        model, _, number = model_ref.partition("@")
        with self._state.read(_SERVER) as connection:
            version = find(connection, model, number)
            require_passed(connection, self._state.keys, version)
            allowed = leave.of_version(connection, version)
        manifest = version.manifest
        return LoadedModel(
            model_ref=model_ref,
            release=release,
            signature=manifest.signature,
            predictor=load_predictor(self._state.blobs, manifest, allowed),
        )
