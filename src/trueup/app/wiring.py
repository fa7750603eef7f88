"""Wiring: one `Workspace` holds every stage's verbs over one project's state.

The state and the stages are imported and made when first used, so that a command pays only for
what it touches: SQLAlchemy alone is half of the start of most commands.
"""

from __future__ import annotations

import getpass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import msgspec

from trueup.foundation.actor import Actor
from trueup.foundation.configuration import Settings, find_root, make_private, settings_for
from trueup.ports.loading import load

if TYPE_CHECKING:
    from trueup.lifecycle.data.branching.service import Branching
    from trueup.lifecycle.data.difference.service import Differences
    from trueup.lifecycle.data.dvc.service import DvcOutputs
    from trueup.lifecycle.data.exchange.service import Exchange
    from trueup.lifecycle.data.retention.service import Retention
    from trueup.lifecycle.data.service import Datasets
    from trueup.lifecycle.data.tending.service import Tending
    from trueup.lifecycle.gates.service import Gates
    from trueup.lifecycle.improvement.service import Improvements
    from trueup.lifecycle.models.aliases.service import Aliases
    from trueup.lifecycle.models.imports.service import NameImports
    from trueup.lifecycle.models.records import Reference
    from trueup.lifecycle.models.registry.service import Registry
    from trueup.lifecycle.models.service import Models
    from trueup.lifecycle.models.versions.service import Versions
    from trueup.lifecycle.models.webhooks.service import Webhooks
    from trueup.lifecycle.monitoring.service import Monitors
    from trueup.lifecycle.plan.service import Plans
    from trueup.lifecycle.releases.service import Releases
    from trueup.lifecycle.runs.commits.service import Commits
    from trueup.lifecycle.runs.features.service import Features
    from trueup.lifecycle.runs.requests.service import Requests
    from trueup.lifecycle.runs.retention.service import RunRetention
    from trueup.lifecycle.runs.schedules.service import Schedules
    from trueup.lifecycle.runs.secrets.service import Secrets
    from trueup.lifecycle.runs.series.service import Series
    from trueup.lifecycle.runs.service import Runs
    from trueup.lifecycle.runs.tracking.curation.service import Curation
    from trueup.lifecycle.runs.tracking.files.plain import PlainFolder
    from trueup.lifecycle.runs.tracking.files.service import Files
    from trueup.lifecycle.runs.tracking.files.uploads import Uploads
    from trueup.lifecycle.runs.tracking.imports.service import Imports
    from trueup.lifecycle.runs.tracking.inputs.service import Inputs
    from trueup.lifecycle.runs.tracking.logged_models.service import LoggedModels
    from trueup.lifecycle.runs.tracking.overview.service import Overview
    from trueup.lifecycle.runs.tracking.receiving.service import Receiving
    from trueup.lifecycle.runs.tracking.search.service import Search
    from trueup.lifecycle.runs.tracking.service import Tracking
    from trueup.lifecycle.runs.tracking.traces.service import Traces
    from trueup.lifecycle.serving.service import Predictions
    from trueup.people.service import People
    from trueup.people.tokens.entrance import Entrance
    from trueup.people.tokens.service import Tokens
    from trueup.ports.blobs import Blobs
    from trueup.state.unit import State


class Workspace:
    """One project: its settings, its state, and the verbs of every stage."""

    def __init__(self, settings: Settings) -> None:
        make_private(settings.home)
        self.settings = settings
        self.root = settings.root

    @cached_property
    def blobs(self) -> Blobs:
        """The blob store."""
        url = self.settings.blobs
        store: Blobs = load("blobs", urlsplit(url).scheme)(url)
        return store

    @cached_property
    def state(self) -> State:
        """Everything that is kept, behind its guard."""
        from trueup.lifecycle.models.webhooks.outbox import put_down
        from trueup.people.access import guard
        from trueup.state.database import Database
        from trueup.state.unit import State

        url = self.settings.key
        keys = load("keys", urlsplit(url).scheme)(url)
        return State(Database(self.settings.database), self.blobs, keys, guard, put_down)

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

    def entrance(self, *, is_required: bool = False) -> Entrance:
        """Knows who sends a request: in local mode the owner, unless everybody has to sign in."""
        from trueup.people.tokens.entrance import Entrance

        return Entrance(self.state.database, lambda: self.owner, is_required=is_required)

    @cached_property
    def plans(self) -> Plans:
        """Verbs of the plan."""
        from trueup.lifecycle.plan.service import Plans

        return Plans(self.state)

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
    def tracking(self) -> Tracking:
        """Verbs of experiments and of runs that report themselves."""
        from trueup.lifecycle.runs.tracking.service import Tracking

        return Tracking(self.state, self._files_root)

    @cached_property
    def search(self) -> Search:
        """Verbs of searching what was tracked."""
        from trueup.lifecycle.runs.tracking.search.service import Search

        return Search(self.state, self._files_root)

    @cached_property
    def curation(self) -> Curation:
        """Verbs that keep experiments and tracked runs in order."""
        from trueup.lifecycle.runs.tracking.curation.service import Curation

        return Curation(self.state)

    @cached_property
    def inputs(self) -> Inputs:
        """Verbs by which tracked runs say what they read and made."""
        from trueup.lifecycle.runs.tracking.inputs.service import Inputs

        return Inputs(self.state)

    @cached_property
    def overview(self) -> Overview:
        """The verb behind the list of experiments."""
        from trueup.lifecycle.runs.tracking.overview.service import Overview

        return Overview(self.state)

    @cached_property
    def receiving(self) -> Receiving:
        """The verb of batches of our own client."""
        from trueup.lifecycle.runs.tracking.receiving.service import Receiving

        return Receiving(self.state, self._files_root)

    @cached_property
    def traces(self) -> Traces:
        """Verbs of traces."""
        from trueup.lifecycle.runs.tracking.traces.service import Traces

        return Traces(self.state, self._files_root)

    @cached_property
    def files(self) -> Files:
        """Verbs of tracked files."""
        from trueup.lifecycle.runs.tracking.files.service import Files

        return Files(self.state, self.root)

    @cached_property
    def uploads(self) -> Uploads:
        """Tracked files that are sent in parts."""
        from trueup.lifecycle.runs.tracking.files.uploads import Uploads

        return Uploads(self.settings.home / "uploads", self.files)

    @cached_property
    def plain_files(self) -> PlainFolder | None:
        """The folder that clients write files to by themselves, if there is one.

        Raises:
            UsageError: The settings name what can be no such folder.
        """
        if not self.settings.artifacts:
            return None
        from trueup.lifecycle.runs.tracking.files.plain import PlainFolder

        return PlainFolder(self.settings.artifacts)

    @cached_property
    def logged_models(self) -> LoggedModels:
        """Verbs of logged models."""
        from trueup.lifecycle.runs.tracking.logged_models.service import LoggedModels

        return LoggedModels(self.state, self._files_root)

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
    def registry(self) -> Registry:
        """Verbs of registered names."""
        from trueup.lifecycle.models.registry.service import Registry
        from trueup.lifecycle.releases.protection import Protection

        return Registry(self.state, Protection(self.state.keys))

    @cached_property
    def versions(self) -> Versions:
        """Verbs of versions as clients of other tools know them."""
        from trueup.lifecycle.models.versions.service import Versions
        from trueup.lifecycle.releases.protection import Protection

        return Versions(self.state, Protection(self.state.keys), self.plain_files)

    @cached_property
    def aliases(self) -> Aliases:
        """Verbs of aliases and stages."""
        from trueup.lifecycle.models.aliases.service import Aliases
        from trueup.lifecycle.releases.protection import Protection

        return Aliases(self.state, Protection(self.state.keys))

    @cached_property
    def webhooks(self) -> Webhooks:
        """Verbs of web hooks."""
        from trueup.lifecycle.models.webhooks.service import Webhooks

        return Webhooks(self.state, self.root)

    @cached_property
    def imports(self) -> Imports:
        """Verbs of taking over what MLflow keeps of runs."""
        from trueup.lifecycle.runs.tracking.imports.service import Imports

        return Imports(self.state, self.root)

    @cached_property
    def name_imports(self) -> NameImports:
        """The verb of taking over registered names."""
        from trueup.lifecycle.models.imports.service import NameImports
        from trueup.lifecycle.releases.protection import Protection

        return NameImports(self.state, Protection(self.state.keys))

    @cached_property
    def gates(self) -> Gates:
        """Verbs of gates."""
        from trueup.lifecycle.gates.service import Gates

        return Gates(self.state)

    @cached_property
    def releases(self) -> Releases:
        """Verbs of releases."""
        from trueup.lifecycle.releases.service import Releases

        return Releases(self.state)

    @cached_property
    def predictions(self) -> Predictions:
        """Verbs of the prediction journal."""
        from trueup.lifecycle.serving.service import Predictions

        return Predictions(self.state, self.settings.journal)

    @cached_property
    def monitors(self) -> Monitors:
        """Verbs of monitoring."""
        from trueup.lifecycle.monitoring.service import Monitors

        return Monitors(self.state, self._reference_of)

    @cached_property
    def improvements(self) -> Improvements:
        """Verbs of improvement."""
        from trueup.lifecycle.improvement.service import Improvements

        return Improvements(self.state)

    @property
    def _files_root(self) -> str:
        return self.plain_files.uri if self.plain_files is not None else "mlflow-artifacts:"

    def close(self) -> None:
        """Close the database, if anything was asked of it."""
        if "state" in self.__dict__:
            self.state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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
