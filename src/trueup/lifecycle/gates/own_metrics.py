"""Metrics of the project, imported to be run: their code must be what the plan was adopted with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from trueup.foundation.errors import ConflictError
from trueup.lifecycle.gates.evidence import Measures
from trueup.lifecycle.pipeline import discovery, origin
from trueup.lifecycle.plan import own_metrics
from trueup.statistics.metrics import is_own


def load(root: Path | None, prints: Mapping[str, str]) -> Measures:
    """What a plan measures by: the functions of the project among its metrics, ready to be called.

    Args:
        root: The project.
        prints: Fingerprint of the code of every metric of the plan.

    Raises:
        ConflictError: Their code was changed since.
        UsageError: There is no such function any more.
        UserCodeError: Their file raised when it was imported.
    """
    found: dict[str, Callable[..., Any]] = {}
    for name in filter(is_own, prints):
        if own_metrics.fingerprint(root, name) != prints[name] or root is None:
            raise ConflictError(
                "metric-changed",
                f"The code of the metric '{name}' has changed since its plan was adopted, so no "
                "gate of that plan can use it.",
                hint="trueup plan adopt",
                context={"metric": name},
            )
        module, _, function = name.partition(":")
        found[name] = _bordered(name, getattr(discovery.module(root, module), function), root)
    return Measures(found, prints)


def _bordered(name: str, function: Callable[..., Any], root: Path) -> Callable[..., Any]:
    @wraps(function)
    def measured(*given: Any) -> Any:
        with origin.user_code("metric-failed", f"Metric '{name}'", root):
            return function(*given)

    return measured
