"""The families of checks: a file in ``checks/`` answers the demands of its name.

A family says what it takes: `evidence` about a model, or a `sample` of rows. One that measures time
has a function `is_timed(demand)` beside its `check`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal, Protocol, cast

from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.plan.demand import Demand
from trueup.lifecycle.plan.demands import kind_of


class Family(Protocol):
    """A module of checks.

    Attributes:
        TAKES: What `check` looks at.
    """

    TAKES: Literal["evidence", "sample"]

    def check(self, demand: Any, subject: Any) -> CheckResult:
        """What the demand finds about the subject."""
        ...


def is_timed(demand: Demand) -> bool:
    """Whether answering a demand takes time: nothing else may run meanwhile."""
    timed: Callable[[Demand], bool] | None = getattr(family_of(demand), "is_timed", None)
    return timed is not None and timed(demand)


def family_of(demand: Demand) -> Family:
    """The family that answers a demand."""
    name = kind_of(demand).replace("-", "_")
    module = importlib.import_module(f"trueup.lifecycle.gates.checks.{name}")
    return cast(Family, module)
