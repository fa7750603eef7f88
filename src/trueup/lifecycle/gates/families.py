"""The families of checks: a file in ``checks/`` answers the demands of its name.

A family says what it takes: `evidence` about a model, or a `sample` of rows.
"""

from __future__ import annotations

import importlib
from typing import Any, Literal, Protocol, cast

from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.plan.demands import Demand, kind_of


class Family(Protocol):
    """A module of checks.

    Attributes:
        TAKES: What `check` looks at.
        ALONE: Whether nothing else may run meanwhile, because it measures time.
    """

    TAKES: Literal["evidence", "sample"]
    ALONE: bool

    def check(self, demand: Any, subject: Any) -> CheckResult:
        """What the demand finds about the subject."""
        ...


def family_of(demand: Demand) -> Family:
    """The family that answers a demand."""
    module = importlib.import_module(f"trueup.lifecycle.gates.checks.{kind_of(demand)}")
    return cast(Family, module)
