"""The verbs of batches."""

from __future__ import annotations

from pathlib import Path

import msgspec

from trueup.foundation.actor import Actor
from trueup.foundation.errors import GateFailedError, NotFoundError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.gates.standing import require_passed
from trueup.lifecycle.models import leave
from trueup.lifecycle.models import service as models
from trueup.lifecycle.models.usable import check_usable
from trueup.lifecycle.plan.service import in_force
from trueup.lifecycle.releases.records import Arm, Route
from trueup.lifecycle.serving.batch.answering import Answering
from trueup.lifecycle.serving.batch.records import Batch, Order
from trueup.lifecycle.serving.batch.running import Running, Tell
from trueup.lifecycle.serving.batch.sources import Source
from trueup.lifecycle.serving.following.registry import Registry
from trueup.lifecycle.serving.inference.endpoint import not_serving
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.state.unit import State


def _nobody(*_told: object) -> None:
    """Hears nothing."""


class Batches:
    """Predictions for whole tables.

    Args:
        state: What is released, the models, and who may ask them.
        journal_folder: Where predictions of deployments are recorded.
    """

    def __init__(self, state: State, journal_folder: Path) -> None:
        self._state = state
        self._folder = journal_folder

    def of_deployment(
        self,
        actor: Actor,
        deployment: str,
        source: Source,
        order: Order,
        *,
        is_recorded: bool = True,
        is_trial: bool = False,
        tell: Tell = _nobody,
    ) -> Batch:
        """Let what a deployment serves now answer every row, arm by arm, as its server would.

        Raises:
            NotFoundError: There is no such deployment.
            BackendError: It serves nothing.
            GateFailedError: What serves has no passing verdict any more.
            UsageError: The rows do not fit.
        """
        with self._state.read(actor, "predictions.create") as connection:
            planned = in_force(connection).plan.deployments
            if deployment not in planned:
                raise NotFoundError(
                    "deployment-not-found",
                    f"The plan has no deployment '{deployment}'."
                    f"{did_you_mean(deployment, planned)}",
                    hint="trueup deployment list",
                )
        registry = Registry(self._state)
        route = registry.routes().get(deployment)
        if route is None:
            raise not_serving(deployment)
        loaded = [registry.load(arm.model_ref, arm.release) for arm in route.arms]
        journal = self._folder if is_recorded else None
        return self._run(deployment, source, order, route, loaded, journal, is_trial, tell)

    def of_version(
        self,
        actor: Actor,
        model: str,
        selector: str,
        source: Source,
        order: Order,
        *,
        is_trial: bool = False,
        tell: Tell = _nobody,
    ) -> Batch:
        """Let a model version answer every row, whether it is released or not; nothing is recorded.

        Raises:
            NotFoundError: There is no such version.
            DeniedError: It is quarantined, or code that the plan does not let run.
            UsageError: The rows do not fit.
        """
        with self._state.read(actor, "gates.run") as connection:
            version = models.find(connection, model, selector)
            check_usable(version)
            allowed = leave.of_version(connection, version)
            note = ""
            try:
                require_passed(connection, self._state.keys, version)
            except GateFailedError as error:
                note = f"{error.message} Its answers are for looking at."
        manifest = version.manifest
        predictor = models.load_predictor(self._state.blobs, manifest, allowed)
        loaded = [LoadedModel(version.ref, 0, manifest.signature, predictor)]
        route = Route(
            deployment="",
            arms=(Arm(release=0, model_ref=version.ref, weight=1.0),),
            salt="",
            entity="",
        )
        done = self._run(version.ref, source, order, route, loaded, None, is_trial, tell)
        return msgspec.structs.replace(done, note=note)

    def _run(
        self,
        target: str,
        source: Source,
        order: Order,
        route: Route,
        loaded: list[LoadedModel],
        journal: Path | None,
        is_trial: bool,
        tell: Tell,
    ) -> Batch:
        with self._state.database.reading() as connection:
            refs = [model.model_ref.partition("@") for model in loaded]
            formats = [models.find(connection, m, v).manifest.format for m, _, v in refs]
        # Code of the project may not expect to be called by two threads at once.
        is_shared = not any(map(leave.runs_code, formats))
        answering = Answering(route, loaded, is_shared=is_shared)
        try:
            running = Running(order, target, source, answering, journal, tell)
            return running.trial() if is_trial else running.run()
        finally:
            answering.close()
