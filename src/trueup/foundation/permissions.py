"""The names of all permissions. A verb or a route that names none is denied."""

from __future__ import annotations

from typing import Final, Literal, get_args

Permission = Literal[
    "public",  # health and static files: no actor needed
    "read",
    "people.write",
    "plan.write",
    "data.write",
    "runs.write",
    "secrets.write",
    "models.write",
    "webhooks.write",
    "webhooks.deliver",
    "gates.run",
    "gates.waive",
    "scores.attest",
    "approvals.decide",
    "releases.request",
    "releases.operate",
    "releases.override",
    "predictions.create",
    "feedback.create",
    "metrics.read",
    "monitoring.run",
    "alerts.handle",
    "improvement.run",
]

PERMISSIONS: Final[frozenset[str]] = frozenset(get_args(Permission))
