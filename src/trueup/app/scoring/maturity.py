"""Maturity as Google and Microsoft describe it, from the same facts and rules as the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from trueup.app.scoring.facts import Facts
from trueup.app.scoring.proving import (
    REPEATED,
    YEAR,
    checked,
    either,
    names,
    no,
    often,
    shows,
    within,
    yes,
)
from trueup.app.scoring.records import Answer, Condition, Level, Maturity
from trueup.app.scoring.rules import Rule
from trueup.app.scoring.sections import infrastructure, model, monitoring
from trueup.app.scoring.sections.infrastructure import ran_by_themselves
from trueup.app.scoring.sections.model import released


def trains_itself(facts: Facts) -> Answer:
    """Schedules or events train versions, not people."""
    found = ran_by_themselves(facts)
    proofs = [shows(f"run:{run.run}", f"started by: {run.origin}") for run in found]
    to_do = ('@pipeline(..., schedule="0 3 * * 1")   # and: trueup up',)
    absent = "no training started by itself"
    return often(found, "training started by itself", proofs, absent=absent, to_do=to_do)


def validates_data(facts: Facts) -> Answer:
    """Some family of checks looks at the data in each gate."""
    return either(*(checked(facts, kind) for kind in ("schema", "drift", "conflicts", "skew")))


def is_described(facts: Facts) -> Answer:
    """The last versions say which code, data and packages made them."""
    last = facts.made[:REPEATED]
    proofs = tuple(shows(made.ref, "code, data and packages on record") for made in last)
    bare = [made.ref for made in last if not made.is_described]
    if bare or not last:
        words = f"not on record how it was made: {names(bare)}" if bare else "no version yet"
        return no(words, (), ("trueup run",))
    return yes("versions say which code, data and packages made them", proofs)


def comes_from_commits(facts: Facts) -> Answer:
    """The last versions come from clean commits."""
    last = facts.made[:REPEATED]
    proofs = tuple(shows(made.ref, f"of commit {made.commit[:12]}") for made in last if made.commit)
    dirty = [made.ref for made in last if not made.commit or not made.is_clean]
    if dirty or not last:
        words = f"of no commit alone: {names(dirty)}" if dirty else "no version yet"
        return no(words, proofs, ("git commit", "trueup run"))
    return yes("versions come from commits", proofs)


def built_on_change(facts: Facts) -> Answer:
    """A build server, or a commit, starts the pipeline."""
    found = ran_by_themselves(facts, "build", "commit")
    proofs = [shows(f"run:{run.run}", f"started by: {run.origin}") for run in found]
    to_do = ("trueup ci github", '@pipeline(..., on=("commit",))')
    absent = "no commit and no build started the pipeline"
    return often(found, "builds or commits started it", proofs, absent=absent, to_do=to_do)


def deploys_itself(facts: Facts) -> Answer:
    """Automation carries out what was allowed; nobody copies files."""
    found = [each for each in released(facts) if each.by_itself]
    proofs = [shows(each.ref, f"{each.model_ref} went live by itself") for each in found]
    to_do = (f"trueup release propose {facts.model} --to NAME", "trueup up")
    absent = f"no release went live by itself in {YEAR.days} days"
    return often(found, "a release went live by itself", proofs, absent=absent, to_do=to_do)


def learns_from_harm(facts: Facts) -> Answer:
    """A breach asks for a retraining; it happened, or the plan says it will."""
    found = within(facts.proposed, facts, YEAR)
    if found:
        proofs = tuple(shows(f"event:{each.event}", f"for {each.goal}") for each in found)
        return yes("harm led to a retraining", proofs[:REPEATED])
    line = 'on_breach = ["alert", "retrain"]   # in a goal of trueup.toml'
    words = "no breach has led to a retraining yet"
    if facts.retrains:
        words += f", though {names(facts.retrains)} would"
    return no(words, (), () if facts.retrains else (line,))


class _Asked(NamedTuple):
    """A level as its author describes it."""

    title: str
    conditions: Sequence[tuple[str, Rule]]


_GOOGLE: Final = (
    "manual process",
    _Asked(
        "the pipeline is automated",
        (
            ("Training starts by itself", trains_itself),
            ("Data is validated", validates_data),
            ("Models are validated before they serve", infrastructure.validated),
            ("What made a model is on record", is_described),
            ("What serves is watched", monitoring.good_predictions),
        ),
    ),
    _Asked(
        "CI/CD of the pipeline is automated",
        (
            ("Code is under source control", comes_from_commits),
            ("Code is tested in the gate", infrastructure.unit_tested),
            ("A change of code builds and runs the pipeline", built_on_change),
            ("Releases go live by themselves", deploys_itself),
            ("Harm leads to a retraining", learns_from_harm),
        ),
    ),
)
_MICROSOFT: Final = (
    "no MLOps",
    _Asked(
        "DevOps, but no MLOps",
        (
            ("Code is under source control", comes_from_commits),
            ("Code is tested in the gate", infrastructure.unit_tested),
        ),
    ),
    _Asked(
        "automated training",
        (
            ("Training starts by itself", trains_itself),
            ("What made a model is on record", is_described),
            ("Training can be done again", infrastructure.reproducible),
        ),
    ),
    _Asked(
        "automated deployment",
        (
            ("A gate stands before everything that serves", infrastructure.validated),
            ("Releases go live by themselves", deploys_itself),
            ("A canary comes first", infrastructure.canaried),
            ("The whole pipeline is tested end to end", infrastructure.integrated),
        ),
    ),
    _Asked(
        "full MLOps",
        (
            ("What serves is watched", monitoring.good_predictions),
            ("Harm leads to a retraining", learns_from_harm),
            ("A release can be undone", infrastructure.undone),
            ("Releases are reviewed", model.reviewed),
        ),
    ),
)


def levels(facts: Facts) -> tuple[Maturity, ...]:
    """Both authors' levels."""
    return (
        _of("Google", facts, _GOOGLE[0], _GOOGLE[1:]),
        _of("Microsoft", facts, _MICROSOFT[0], _MICROSOFT[1:]),
    )


def _of(author: str, facts: Facts, ground: str, asked: Sequence[_Asked]) -> Maturity:
    found = []
    for number, level in enumerate(asked, start=1):
        conditions = tuple(
            Condition(title=title, answer=rule(facts)) for title, rule in level.conditions
        )
        holds = all(each.answer.holds for each in conditions)
        found.append(Level(number=number, title=level.title, holds=holds, conditions=conditions))
    reached = next((each.number - 1 for each in found if not each.holds), len(found))
    title = found[reached - 1].title if reached else ground
    return Maturity(author=author, reached=reached, title=title, levels=tuple(found))
