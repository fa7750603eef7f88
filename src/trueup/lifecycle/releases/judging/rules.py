"""What evidence proves about a new version, and what follows. Pure; every look is valid.

One budget covers all metrics and all steps of a ramp: a version that does no harm is rolled back,
or said to change something, with chance `ALPHA` at most, however often one looks. A version that
does harm beyond a margin passes with the same chance at most: it would have to pass every metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from trueup.foundation.text import listing
from trueup.lifecycle.plan.guards import FAILURES, QUANTILES, Guarded
from trueup.lifecycle.releases.judging import distributions, failures, means
from trueup.lifecycle.releases.judging.evidence import Evidence
from trueup.lifecycle.releases.judging.records import Action, Decision, Figure

ALPHA: Final = 0.05
SPLIT_ALPHA: Final = 0.005  # of it, for how the traffic falls on the arms
_LONGEST: Final = 4  # times the agreed time, then a person decides


def figures(guards: Sequence[Guarded], evidence: Evidence) -> tuple[Figure, ...]:
    """What is known of every guarded metric, and of the split of the traffic."""
    alpha = share_of_budget(guards)
    found = []
    for guard in guards:
        if guard.metric in FAILURES:
            found.append(failures.figure(guard, evidence, alpha, ALPHA))
        elif guard.metric in QUANTILES:
            found.append(distributions.latency(guard, evidence, alpha, ALPHA))
        elif guard.metric == "score":
            found.append(distributions.scores(guard, evidence, alpha))
        else:
            found.append(means.figure(guard, evidence, alpha, ALPHA))
    if not evidence.is_shadow:
        found.append(failures.split(evidence, SPLIT_ALPHA))
    return tuple(found)


def share_of_budget(guards: Sequence[Guarded]) -> float:
    """Each metric's part of the chance of a false claim."""
    return (ALPHA - SPLIT_ALPHA) / max(len(guards), 1)


def decide(
    guards: Sequence[Guarded], evidence: Evidence, ran: timedelta, lasts: timedelta
) -> Decision:
    """What to do with a version that has been tried out for a time.

    Args:
        guards: What is looked at.
        evidence: What both arms did.
        ran: How long the present step has run, in the time of the traffic.
        lasts: How long it has to run at least; after four times as long a person decides.
    """
    found = figures(guards, evidence)
    rows, control_rows = evidence.rows()
    action, words = _follows(found, ran, lasts)
    return Decision(
        action=action,
        words=words,
        figures=found,
        rows=rows,
        control_rows=control_rows,
        alpha=ALPHA,
    )


def _follows(found: Sequence[Figure], ran: timedelta, lasts: timedelta) -> tuple[Action, str]:
    if harms := [figure for figure in found if figure.outcome == "harm"]:
        return "roll-back", _said(harms)
    if wrong := [figure for figure in found if figure.outcome == "mismatch"]:
        return "hold", _said(wrong)
    required = [figure for figure in found if figure.required]
    open_ = [figure for figure in required if figure.outcome != "no-harm"]
    if required and not open_:
        return ("advance" if ran >= lasts else "continue"), _said(required)
    words = _said(open_) if open_ else "no metric is required, so nothing can be proven"
    return ("hold" if ran >= _LONGEST * lasts else "continue"), words


def _said(found: Iterable[Figure]) -> str:
    return listing([figure.words for figure in found])
