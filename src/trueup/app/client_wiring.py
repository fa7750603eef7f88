"""Wiring of what clients use, those of MLflow and ours: what they report, what they register."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from trueup.app.opening import Opened

if TYPE_CHECKING:
    from trueup.lifecycle.models.aliases.service import Aliases
    from trueup.lifecycle.models.imports.service import NameImports
    from trueup.lifecycle.models.registry.service import Registry
    from trueup.lifecycle.models.versions.service import Versions
    from trueup.lifecycle.models.webhooks.service import Webhooks
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


class ClientVerbs(Opened):
    """The verbs behind the wire protocols; each is imported and made when first used."""

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

    @property
    def _files_root(self) -> str:
        return self.plain_files.uri if self.plain_files is not None else "mlflow-artifacts:"
