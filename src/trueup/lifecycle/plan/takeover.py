"""What a plan may say of how versions take over. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from trueup.foundation import clock
from trueup.lifecycle.plan.deployments import Deployment


def problems(deployment: Deployment) -> Iterator[str]:
    """What is wrong with the strategies of a deployment."""
    canary, shadow, split = deployment.canary, deployment.shadow, deployment.split
    for what, share in (("canary.weight", canary.weight), ("split.weight", split.weight)):
        if not 0 < share < 1:
            yield f"{what} {share:g}; a share lies between 0 and 1"
    for share in canary.steps:
        if not 0 < share <= 1:
            yield f"a step of {share:g} in canary.steps; a share is above 0 and 1 at most"
    for before, after in pairwise(canary.steps):
        if after <= before:
            yield f"canary.steps that do not rise: {after:g} after {before:g}"
    for what, rows in (("canary.rows", canary.rows), ("shadow.rows", shadow.rows)):
        if rows < 0:
            yield f"{what} {rows}; 0 is for any number"
    for what, text in (
        ("canary.lasts", canary.lasts),
        ("shadow.lasts", shadow.lasts),
        ("split.lasts", split.lasts),
    ):
        try:
            clock.parse_duration(text)
        except ValueError as error:
            yield f"{what}: {error}"
