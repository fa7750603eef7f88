"""The nouns of the registry as clients see it: without manifests, so that lists stay quick."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from trueup.foundation.records import Record

Kind = Literal["model", "prompt"]


class RegisteredVersion(Record):
    """One version of a registered model.

    Attributes:
        model: Registered name.
        version: From 1.
        digest: Address of all that makes it.
        run: Identifier of the run that made it; empty when unknown.
        source: The URI it was registered from.
        location: The URI below which its files are.
        logged_model: Identifier of its logged model; empty for none.
        run_link: Address of its run elsewhere; empty for none.
        registered_by: Who.
        registered_at: When.
        updated_at: When words, tags or stage were changed last.
        description: Words about it.
        stage: `Staging`, `Production`, `Archived` or empty.
        aliases: The aliases that point at it.
        tags: Words about it, by key.
    """

    model: str
    version: int
    digest: str
    run: str
    source: str
    location: str
    logged_model: str
    run_link: str
    registered_by: str
    registered_at: datetime
    updated_at: datetime
    description: str
    stage: str
    aliases: tuple[str, ...] = ()
    tags: dict[str, str] = {}

    @property
    def ref(self) -> str:
        """The reference of this version, such as `flights@3`."""
        return f"{self.model}@{self.version}"


class RegisteredModel(Record):
    """A registered name.

    Attributes:
        name: The name.
        kind: A prompt is text, no model: gates and releases know nothing of it.
        description: Words about it.
        created_at: When it was made.
        updated_at: When it or one of its versions was changed last.
        aliases: Alias to version.
        tags: Words about it, by key.
        latest: The newest version in each stage.
    """

    name: str
    kind: Kind
    description: str
    created_at: datetime
    updated_at: datetime
    aliases: dict[str, int] = {}
    tags: dict[str, str] = {}
    latest: tuple[RegisteredVersion, ...] = ()
