"""Running what a gate demands: in parallel, findings kept by their content, none left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from trueup import statistics
from trueup.foundation import digests, threads
from trueup.foundation.errors import TrueupError
from trueup.foundation.records import builtins
from trueup.lifecycle import gates, models
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.families import family_of, is_timed
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.plan.demands import AnyDemand, kind_of

AT_ONCE: Final = 4  # NumPy, Polars and model libraries leave the interpreter while they compute

Told = Callable[[int, int, CheckResult], None]
"""Told of each finding: how many are done, of how many, and what was found."""


class Asked(NamedTuple):
    """A demand, and the goal that makes it; no goal for what every gate demands."""

    goal: str
    demand: AnyDemand


def address(asked: Asked, evidence: Evidence) -> str:
    """Where the finding of a demand about this evidence is kept; empty where none is to be kept.

    What takes time differs from machine to machine and is measured anew.
    """
    if not evidence.address or is_timed(asked.demand):
        return ""
    return digests.of_record(
        {
            "demand": builtins(asked.demand),
            "code": code(),
            "metric": evidence.measures.prints.get(getattr(asked.demand, "metric", ""), ""),
            "evidence": evidence.address,
        }
    )


@cache
def code() -> str:
    """What all checks and the statistics below them are called by: the digest of their files.

    A finding may rest on any of them, so a change of any asks again; comments count, too.
    """
    found = {}
    for package in (gates, models, statistics):
        root = Path(package.__path__[0])
        for file in sorted(root.rglob("*.py")):
            found[f"{root.name}/{file.relative_to(root).as_posix()}"] = digests.of_file(file)
    return digests.of_record(found)


def run(
    demands: Sequence[Asked],
    evidence: Evidence,
    known: Mapping[str, CheckResult] | None = None,
    told: Told | None = None,
    taken: Mapping[int, CheckResult] | None = None,
) -> tuple[CheckResult, ...]:
    """Find out what every demand asks, in the order of the demands.

    Args:
        demands: What to find out.
        evidence: What to look at.
        known: Findings that are there already, by their address.
        told: Called after each finding, from the thread that made it.
        taken: Findings that are taken over as they are, by the number of the demand.
    """
    found: dict[int, CheckResult] = dict(taken or {})

    def one(number: int) -> None:
        asked = demands[number]
        kept = known.get(address(asked, evidence)) if known else None
        made = kept if kept is not None else check(asked.demand, evidence)
        found[number] = msgspec.structs.replace(made, goal=asked.goal)
        if told is not None:
            told(len(found), len(demands), found[number])

    for number, asked in enumerate(demands):
        if number not in found and is_timed(asked.demand):
            one(number)
    with threads.pool(AT_ONCE, "check") as pool:
        list(pool.map(one, [n for n in range(len(demands)) if n not in found]))
    return tuple(found[number] for number in range(len(demands)))


def check(demand: AnyDemand, evidence: Evidence) -> CheckResult:
    """One finding about a model, or about the rows it is judged on."""
    takes_rows = family_of(demand).TAKES == "sample"
    return _made(demand, evidence.sample(getattr(demand, "on", "")) if takes_rows else evidence)


def of_sample(demand: AnyDemand, sample: Sample) -> CheckResult:
    """One finding about rows."""
    return _made(demand, sample)


def _made(demand: AnyDemand, subject: Evidence | Sample) -> CheckResult:
    """A finding; a check that breaks is an error with its cause, never a pass."""
    try:
        return family_of(demand).check(demand, subject)
    except Exception as error:  # whatever rows and models may do to a check
        said = error.message if isinstance(error, TrueupError) else _words(error)
        return CheckResult(check=kind_of(demand), outcome="error", words=said)


def _words(error: Exception) -> str:
    said = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
