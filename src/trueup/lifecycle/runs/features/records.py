"""The nouns of features."""

from __future__ import annotations

from datetime import datetime

from trueup.foundation.records import Record


class FeatureDefinition(Record):
    """What a step marked with `features="NAME"` makes; its digest is the definition's address.

    Attributes:
        name: The name that the step gives.
        step: Name of the step.
        description: The step's docstring.
        columns: Column name to type, in the order of the frame.
        code: Digest of the step's code with all first-party code that it reaches.
        inputs: What it is made of: `data:NAME` for datasets, the names of steps, by argument.
    """

    name: str
    step: str
    description: str
    columns: dict[str, str]
    code: str
    inputs: dict[str, tuple[str, ...]]


class FeatureVersion(Record):
    """One version of a feature definition.

    Attributes:
        name: Its name.
        version: From 1, rising when the definition changes.
        digest: Address of the definition.
        definition: What it says.
        run: The run that made it first.
        defined_by: Who.
        defined_at: When.
    """

    name: str
    version: int
    digest: str
    definition: FeatureDefinition
    run: str
    defined_by: str
    defined_at: datetime

    @property
    def ref(self) -> str:
        """The reference of this version, such as `feature:flights@3`."""
        return f"feature:{self.name}@{self.version}"


class FeatureChange(Record):
    """One part in which two definitions differ; empty where there is none."""

    part: str
    before: str
    after: str
