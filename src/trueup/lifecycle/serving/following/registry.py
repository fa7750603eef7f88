"""Where the server gets its routes and models: the releases and the registry of this project.

It refuses a version without a genuine PASSED verdict under the plan in force, one that its callers
could not use, one that would not fit, and one that does not give its golden answers again.
"""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakValueDictionary

import sqlalchemy as sa

from trueup.foundation import clock
from trueup.foundation.actor import service
from trueup.foundation.amounts import bytes_of
from trueup.foundation.errors import TrueupError
from trueup.lifecycle.gates.standing import require_passed
from trueup.lifecycle.models import golden, leave
from trueup.lifecycle.models import table as model_table
from trueup.lifecycle.models.answers import Shaped
from trueup.lifecycle.models.leave import Leave
from trueup.lifecycle.models.records import Manifest, ModelVersion
from trueup.lifecycle.models.service import find, load_file
from trueup.lifecycle.plan.deployments import Deployment
from trueup.lifecycle.plan.service import in_force
from trueup.lifecycle.releases import table as release_table
from trueup.lifecycle.releases.orders import Orders, obeyed
from trueup.lifecycle.releases.records import Arm, Release, Route
from trueup.lifecycle.releases.service import Releases
from trueup.lifecycle.serving.following import compatible, memory
from trueup.lifecycle.serving.following.outcomes import Outcomes
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.ports.format import Predictor
from trueup.state.unit import State
from trueup.state.watching import Watch

_SERVER = service("server")
_AS_PLANNED = Deployment(model="")


class Registry:
    """A `ModelSource` over the project's database and blobs.

    Args:
        state: The project's.
        orders: Emergencies that need not be in the database yet.
    """

    def __init__(self, state: State, orders: Orders | None = None) -> None:
        self._state = state
        self._orders = orders
        self._releases = Releases(state)
        self._outcomes = Outcomes(state)
        self._watch = Watch(state.database)
        self._planned: Mapping[str, Deployment] = {}
        self._routes: dict[str, Route] | None = None
        # Whoever serves one holds it; when nobody does any more, it leaves the memory.
        self._copies: WeakValueDictionary[str, Predictor] = WeakValueDictionary()

    def routes(self) -> Mapping[str, Route]:
        """Where the traffic of every deployment goes now; read again only after an event.

        Orders are looked at first: one that has left its folder is in the database by then.
        """
        orders = self._orders.standing() if self._orders else ()
        if self._watch.changed() or self._routes is None:
            self._routes = None  # until it was read to the end
            released = self._releases.routes(_SERVER)
            with self._state.read(_SERVER) as connection:
                self._planned = in_force(connection).plan.deployments
                followed = {
                    name: _of_alias(connection, name, settings)
                    for name, settings in self._planned.items()
                    if settings.followed
                }
            self._routes = {n: r for n, r in (released | followed).items() if r.arms}
        return obeyed(self._routes, orders) if orders else self._routes

    def seconds_to_load(self, deployment: str) -> float:
        """How long loading a version may take."""
        settings = self._planned.get(deployment, _AS_PLANNED)
        return clock.parse_duration(settings.loading.within).total_seconds()

    def before(self, route: Route) -> Route | None:
        """What served before the newest release of a route: for when that cannot be loaded."""
        first = route.arms[0]
        with self._state.read(_SERVER) as connection:
            release = release_table.release(connection, route.deployment, first.release)
            if release is None or not release.previous:
                return None
            back = release_table.release(connection, route.deployment, release.previous)
        if back is None:
            return None
        arm = Arm(release=back.number, model_ref=back.model_ref, weight=1.0)
        return Route(deployment=route.deployment, arms=(arm,), salt=route.salt, entity=route.entity)

    def load(self, model_ref: str, release: int, deployment: str = "") -> LoadedModel:
        """A model version, proven and ready to answer.

        Raises:
            GateFailedError: It has no passing verdict under the plan in force, or does not answer
                as it did when it was judged.
            ConflictError: The callers of the deployment could not use it.
            DeniedError: It is code that the plan in force does not let run.
            BackendError: Its file is missing or damaged, or it would not fit into the memory.
        """
        with self._state.read(_SERVER) as connection:
            version = _of_ref(connection, model_ref)
            require_passed(connection, self._state.keys, version)
            self._check_callers(connection, deployment, release, version)
            allowed = leave.of_version(connection, version)
            planned = in_force(connection).plan.deployments.get(deployment, _AS_PLANNED)
        return self._loaded(version, release, bytes_of(planned.loading.memory), allowed)

    def served(self, deployment: str, arm: Arm, seconds: float, size: int) -> None:
        """Note that a version answers now."""
        self._outcomes.served(
            _SERVER, deployment, arm.release, arm.model_ref, seconds=seconds, size=size
        )

    def refused(self, deployment: str, arm: Arm, error: TrueupError) -> None:
        """Note why a version does not answer."""
        self._outcomes.refused(_SERVER, deployment, arm.release, arm.model_ref, error)

    def _check_callers(
        self, connection: sa.Connection, deployment: str, number: int, version: ModelVersion
    ) -> None:
        release = release_table.release(connection, deployment, number)
        before = _before(connection, release) if release else None
        if before is not None:
            compatible.check(
                deployment,
                before.ref,
                before.manifest.signature,
                version.ref,
                version.manifest.signature,
            )

    def _loaded(
        self, version: ModelVersion, release: int, limit: int, allowed: Leave
    ) -> LoadedModel:
        manifest, blobs = version.manifest, self._state.blobs
        before = memory.resident()
        file_bytes = blobs.size(manifest.file)
        memory.check_room(version.ref, file_bytes, limit)
        try:
            predictor = Shaped(self._copy(manifest, allowed), manifest.signature)
            if manifest.golden:
                golden.prove(blobs, manifest.golden, version.ref, predictor)
        except MemoryError as error:
            raise memory.too_large(version.ref, "ran out of memory", limit) from error
        memory.check_held(version.ref, limit)
        return LoadedModel(
            model_ref=version.ref,
            release=release,
            signature=manifest.signature,
            predictor=predictor,
            bytes=max(file_bytes, memory.resident() - before),
        )

    def _copy(self, manifest: Manifest, allowed: Leave) -> Predictor:
        """The model of a file: one copy in this process, however many places it serves in."""
        allowed.check(manifest.format)
        known = self._copies.get(manifest.file)
        if known is None:
            known = load_file(
                self._state.blobs, manifest.format, manifest.file, allowed, keep=False
            )
            self._copies[manifest.file] = known
        return known


def _of_ref(connection: sa.Connection, model_ref: str) -> ModelVersion:
    model, _, number = model_ref.partition("@")
    return find(connection, model, number)


def _before(connection: sa.Connection, release: Release) -> ModelVersion | None:
    """The version of the release that this one replaces."""
    previous = release_table.release(connection, release.deployment, release.previous)
    return None if previous is None else _of_ref(connection, previous.model_ref)


def _of_alias(connection: sa.Connection, name: str, settings: Deployment) -> Route:
    """All traffic goes to the version that an alias points at."""
    model = settings.model.partition("@")[0]
    number = model_table.alias(connection, model, settings.followed)
    arms = () if number is None else (Arm(release=0, model_ref=f"{model}@{number}", weight=1.0),)
    return Route(deployment=name, arms=arms, salt=name, entity=settings.entity)
