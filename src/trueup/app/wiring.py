"""Wiring: one `Workspace` holds every stage's verbs over one project's state.

The stages are imported and made when first used, so that a command pays only for what it touches.
`opening.py` holds the state itself, `client_wiring.py` what clients of other tools use.
"""

from __future__ import annotations

import getpass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from trueup.app.client_wiring import ClientVerbs
from trueup.foundation.actor import Actor
from trueup.foundation.configuration import find_root, settings_for

if TYPE_CHECKING:
    from trueup.foundation.questions import Task
    from trueup.lifecycle.data.branching.service import Branching
    from trueup.lifecycle.data.difference.service import Differences
    from trueup.lifecycle.data.dvc.service import DvcOutputs
    from trueup.lifecycle.data.exchange.service import Exchange
    from trueup.lifecycle.data.retention.service import Retention
    from trueup.lifecycle.data.service import Datasets
    from trueup.lifecycle.data.tending.service import Tending
    from trueup.lifecycle.gates.attestations.service import Attestations
    from trueup.lifecycle.gates.service import Gates
    from trueup.lifecycle.improvement.service import Improvements
    from trueup.lifecycle.models.records import Reference
    from trueup.lifecycle.models.service import Models
    from trueup.lifecycle.monitoring.service import Monitors
    from trueup.lifecycle.plan.service import Plans
    from trueup.lifecycle.releases.braking import Brakes
    from trueup.lifecycle.releases.judging.service import Decisions
    from trueup.lifecycle.releases.orders import Orders
    from trueup.lifecycle.releases.service import Releases
    from trueup.lifecycle.runs.commits.service import Commits
    from trueup.lifecycle.runs.features.service import Features
    from trueup.lifecycle.runs.requests.service import Requests
    from trueup.lifecycle.runs.retention.service import RunRetention
    from trueup.lifecycle.runs.schedules.service import Schedules
    from trueup.lifecycle.runs.secrets.service import Secrets
    from trueup.lifecycle.runs.series.service import Series
    from trueup.lifecycle.runs.service import Runs
    from trueup.lifecycle.serving.batch.service import Batches
    from trueup.lifecycle.serving.service import Predictions
    from trueup.people.accounts.service import Accounts
    from trueup.people.service import People
    from trueup.people.tokens.entrance import Entrance
    from trueup.people.tokens.service import Tokens


class Workspace(ClientVerbs):
    """One project: its settings, its state, and the verbs of every stage."""

    @cached_property
    def people(self) -> People:
        """Verbs of people and approvals."""
        from trueup.people.service import People

        return People(self.state)

    @cached_property
    def owner(self) -> Actor:
        """The local account, which owns the project in local mode."""
        return self.people.found(account())

    def speaking_as(self, name: str) -> Actor:
        """A person of the project, spoken for by the local account; the owner without a name.

        Local mode has no log-in: whoever holds the account may speak for anyone, and the event
        log says so in `on_behalf_of`.
        """
        owner = self.owner
        return owner if name in ("", owner.name) else Actor(name=name, on_behalf_of=owner.name)

    @cached_property
    def tokens(self) -> Tokens:
        """Verbs of tokens."""
        from trueup.people.tokens.service import Tokens

        return Tokens(self.state)

    @cached_property
    def accounts(self) -> Accounts:
        """Verbs of accounts."""
        from trueup.people.accounts.service import Accounts

        return Accounts(self.state)

    def entrance(self, *, is_required: bool = False) -> Entrance:
        """Knows who sends a request: in local mode the owner, unless everybody has to sign in."""
        from trueup.people.tokens.entrance import Entrance

        return Entrance(self.state.database, lambda: self.owner, is_required=is_required)

    @cached_property
    def plans(self) -> Plans:
        """Verbs of the plan."""
        from trueup.lifecycle.plan.service import Plans

        return Plans(self.state, self.root)

    @cached_property
    def datasets(self) -> Datasets:
        """Verbs of data."""
        from trueup.lifecycle.data.service import Datasets

        return Datasets(self.state)

    @cached_property
    def branching(self) -> Branching:
        """Verbs of branches of data."""
        from trueup.lifecycle.data.branching.service import Branching

        return Branching(self.state)

    @cached_property
    def retention(self) -> Retention:
        """Verbs of forgetting versions of data."""
        from trueup.lifecycle.data.retention.service import Retention

        return Retention(self.state, self.root)

    @cached_property
    def differences(self) -> Differences:
        """Verbs of differences between states of data."""
        from trueup.lifecycle.data.difference.service import Differences

        return Differences(self.state)

    @cached_property
    def dvc_outputs(self) -> DvcOutputs:
        """Verbs of taking over what DVC keeps."""
        from trueup.lifecycle.data.dvc.service import DvcOutputs

        return DvcOutputs(self.state)

    @cached_property
    def tending(self) -> Tending:
        """Verbs of what remotes hold."""
        from trueup.lifecycle.data.tending.service import Tending

        return Tending(self.state, self.root, self.settings.home)

    @cached_property
    def exchange(self) -> Exchange:
        """Verbs between this project and its remotes."""
        from trueup.lifecycle.data.exchange.service import Exchange

        return Exchange(self.state, self.root, self.settings.home)

    @cached_property
    def runs(self) -> Runs:
        """Verbs of runs."""
        from trueup.lifecycle.runs.service import Runs

        return Runs(self.state)

    @cached_property
    def run_retention(self) -> RunRetention:
        """Verbs of forgetting runs."""
        from trueup.lifecycle.models.versions.naming import made_of_runs
        from trueup.lifecycle.runs.retention.service import RunRetention

        return RunRetention(self.state, made_of_runs)

    @cached_property
    def requests(self) -> Requests:
        """Verbs of requests for runs."""
        from trueup.lifecycle.runs.requests.service import Requests

        return Requests(self.state)

    @cached_property
    def commits(self) -> Commits:
        """The verb of commits."""
        from trueup.lifecycle.runs.commits.service import Commits

        return Commits(self.state)

    @cached_property
    def series(self) -> Series:
        """Verbs of series of runs."""
        from trueup.lifecycle.runs.series.service import Series

        return Series(self.state)

    @cached_property
    def schedules(self) -> Schedules:
        """Verbs of schedules."""
        from trueup.lifecycle.runs.schedules.service import Schedules

        return Schedules(self.state)

    @cached_property
    def secrets(self) -> Secrets:
        """Verbs of secrets."""
        from trueup.lifecycle.runs.secrets.service import Secrets

        return Secrets(self.state, self.settings.home)

    @cached_property
    def features(self) -> Features:
        """Verbs of feature definitions."""
        from trueup.lifecycle.runs.features.service import Features

        return Features(self.state)

    @cached_property
    def models(self) -> Models:
        """Verbs of the model registry."""
        from trueup.lifecycle.models.service import Models

        return Models(self.state)

    @cached_property
    def gates(self) -> Gates:
        """Verbs of gates."""
        from trueup.app.rebuilding.versions import Rebuilding
        from trueup.lifecycle.gates.service import Gates

        rebuilding = Rebuilding(self.state, self.root, self.settings.home)
        return Gates(self.state, self.root, rebuilding.of)

    @cached_property
    def attestations(self) -> Attestations:
        """Verbs of attestations."""
        from trueup.lifecycle.gates.attestations.service import Attestations

        return Attestations(self.state)

    @cached_property
    def releases(self) -> Releases:
        """Verbs of releases."""
        from trueup.lifecycle.releases.service import Releases

        return Releases(self.state)

    @cached_property
    def brakes(self) -> Brakes:
        """Verbs of emergencies."""
        from trueup.lifecycle.releases.braking import Brakes

        return Brakes(self.state)

    @cached_property
    def orders(self) -> Orders:
        """Emergencies that servers obey before the database says so."""
        from trueup.lifecycle.releases.orders import Orders

        return Orders(self.settings.home / "orders", self.state.keys)

    @cached_property
    def decisions(self) -> Decisions:
        """What was found about releases while they were tried out."""
        from trueup.lifecycle.releases.judging.service import Decisions

        return Decisions(self.state)

    @cached_property
    def predictions(self) -> Predictions:
        """Verbs of the prediction journal."""
        from trueup.lifecycle.serving.service import Predictions

        return Predictions(self.state, self.settings.journal)

    @cached_property
    def batches(self) -> Batches:
        """Verbs of batches."""
        from trueup.lifecycle.serving.batch.service import Batches

        return Batches(self.state, self.settings.journal)

    @cached_property
    def monitors(self) -> Monitors:
        """Verbs of monitoring."""
        from trueup.lifecycle.monitoring.service import Monitors

        return Monitors(self.state, self._reference_of, self._task_of)

    @cached_property
    def improvements(self) -> Improvements:
        """Verbs of improvement."""
        from trueup.lifecycle.improvement.service import Improvements

        return Improvements(self.state)

    def _task_of(self, model_ref: str) -> Task:
        model, _, number = model_ref.partition("@")
        return self.models.show(self.owner, model, number).manifest.signature.task

    def _reference_of(self, model_ref: str) -> Reference:
        from trueup.lifecycle.gates import service as gates
        from trueup.lifecycle.models import service as models

        model, _, number = model_ref.partition("@")
        with self.state.database.reading() as connection:
            version = models.find(connection, model, number)
            return gates.reference_of(connection, self.state.blobs, version)


def open_workspace(start: Path, *, artifacts: str = "") -> Workspace:
    """The workspace of the project at or above `start`.

    Args:
        start: A folder.
        artifacts: Where MLflow's clients write files by themselves, as in `Settings`.

    Raises:
        NotFoundError: There is no project.
        BackendError: Its state folder cannot be used.
    """
    settings = settings_for(find_root(start))
    return Workspace(msgspec.structs.replace(settings, artifacts=artifacts))


def account() -> str:
    """The name of the local account."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container user without a passwd entry
        return "owner"
