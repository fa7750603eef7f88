"""Tests of the infrastructure around the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trueup.app.scoring.facts import Executed, Facts
from trueup.app.scoring.proving import (
    MONTH,
    QUARTER,
    REPEATED,
    YEAR,
    checked,
    either,
    every,
    names,
    no,
    often,
    shows,
    within,
    yes,
)
from trueup.app.scoring.records import Answer, Proof
from trueup.app.scoring.rules import Rule
from trueup.app.scoring.sections.model import released
from trueup.foundation.text import plural


def reproducible(facts: Facts) -> Answer:
    """I1: runs were made again and came out equal; or the gate does that each time."""
    found = within(facts.remade, facts, QUARTER)
    proofs = [
        shows(f"run:{each.run}", "made again, equal" if each.is_equal else "came out otherwise")
        for each in found
    ]
    made = facts.version(facts.about)
    again = f"trueup reproduce run:{made.run}" if made and made.run else "trueup run"
    if found and not found[0].is_equal:
        words = f"run:{found[0].run} came out otherwise when it was made again"
        by_hand = no(words, tuple(proofs[:1]), (f"trueup runs show run:{found[0].run}",))
    else:
        absent = f"no run was made again in {QUARTER.days} days"
        what = "a run was made again, and was equal,"
        by_hand = often(found, what, proofs, absent=absent, to_do=(again,))
    return either(by_hand, checked(facts, "reproduction"))


def unit_tested(facts: Facts) -> Answer:
    """I2: tests of the steps are part of the gate."""
    return checked(facts, "tests")


def integrated(facts: Facts) -> Answer:
    """I3: the whole pipeline ran by itself, from data to a judged version, again and again."""
    found = ran_by_themselves(facts)
    judged = {each.model_ref for each in within(facts.judged, facts, QUARTER)}
    whole = [
        run
        for run in found
        if any(made.run == run.run and made.ref in judged for made in facts.made)
    ]
    absent = f"no run that started by itself ended in a judged version in {QUARTER.days} days"
    if found and not found[0].finished:
        words = f"the newest run that started by itself did not finish: run:{found[0].run}"
        return no(words, _runs(found[:1]), (f"trueup runs show run:{found[0].run}",))
    to_do = ("trueup ci github", '@pipeline(..., on=("commit",))   # and: trueup up')
    what = "from data to a judged version the pipeline ran by itself"
    return often(whole, what, _runs(whole), absent=absent, to_do=to_do)


def ran_by_themselves(facts: Facts, *origins: str) -> list[Executed]:
    """Runs that nobody started by hand, newest first; only of these origins when any is named."""
    wanted = origins or ("schedule", "data", "commit", "event", "proposal", "build")
    return [run for run in within(facts.executed, facts, QUARTER) if run.origin in wanted]


def _runs(found: list[Executed]) -> tuple[Proof, ...]:
    return tuple(shows(f"run:{run.run}", f"started by: {run.origin}") for run in found)


def validated(facts: Facts) -> Answer:
    """I4: everything that went live had passed its gate before."""
    releases = released(facts)
    passed = {each.verdict: each for each in facts.judged if each.passed}
    bare = [
        each.ref
        for each in releases
        if each.verdict not in passed or passed[each.verdict].at > each.at
    ]
    if bare:
        words = f"without a genuine verdict that passed before: {names(bare)}"
        return no(words, (shows(bare[0], words),), (f"trueup why {bare[0]}",))
    proofs = [shows(f"verdict:{each.verdict}", f"passed before {each.ref}") for each in releases]
    absent = f"nothing was released in {YEAR.days} days"
    to_do = (f"trueup check {facts.model}", f"trueup release propose {facts.model} --to NAME")
    what = "a genuine verdict came before going live"
    return often(releases, what, proofs, absent=absent, to_do=to_do)


def followed(facts: Facts) -> Answer:
    """I5: each step's result is kept, and so are predictions: one example can be traced."""
    return every(_steps_kept(facts), _predictions_kept(facts))


def _steps_kept(facts: Facts) -> Answer:
    made = facts.version(facts.about)
    if made is None or not made.steps:
        words = f"the steps that made {facts.about or facts.model} are not on record"
        return no(words, (), ("trueup run",))
    proofs = (shows(f"run:{made.run}", f"{made.kept} of {made.steps} results kept"),)
    if made.kept < made.steps:
        words = f"{made.steps - made.kept} of {plural(made.steps, 'step')} kept no result"
        return no(words, proofs, ("trueup run",))
    return yes(f"all {plural(made.steps, 'step')} kept their results", proofs)


def _predictions_kept(facts: Facts) -> Answer:
    seen = [w for w in within(facts.watched, facts, MONTH) if w.rows and w.model_ref == facts.about]
    if not seen:
        words = f"no prediction of {facts.about or facts.model} was counted in {MONTH.days} days"
        where = facts.deployments[0] if facts.deployments else "NAME"
        return no(words, (), (f"trueup monitor run {where}",))
    proofs = (shows(f"event:{seen[0].event}", f"{plural(seen[0].rows, 'prediction')} counted"),)
    return yes("each prediction is kept: trueup why prediction:ID", proofs)


def canaried(facts: Facts) -> Answer:
    """I6: what replaced a live version was tried on a part of the traffic first."""
    followers = [each for each in released(facts) if not each.is_first]
    last = followers[:REPEATED]
    proofs = tuple(shows(each.ref, f"{each.model_ref}: {each.how}") for each in last)
    line = 'strategy = "canary"   # under [deployments.NAME] in trueup.toml'
    to_do = (line, f"trueup release propose {facts.model} --to NAME")
    at_once = [each.ref for each in last if each.how != "canary"]
    if at_once:
        return no(f"took all traffic at once: {names(at_once)}", proofs, to_do)
    absent = f"no version took over from another in {YEAR.days} days"
    return often(last, "a canary came first", proofs, absent=absent, to_do=to_do)


def undone(facts: Facts) -> Answer:
    """I7: rollbacks happened, in earnest or as drills."""
    found = within(facts.rolled_back, facts, YEAR)
    proofs = [shows(f"event:{each.event}", f"{each.ref} was rolled back") for each in found]
    where = facts.deployments[0] if facts.deployments else "NAME"
    absent = f"no rollback in {YEAR.days} days, not even as a drill"
    to_do = (f"trueup rollback {where}   # as a drill, while it is quiet",)
    return often(found, "a release was rolled back", proofs, absent=absent, to_do=to_do)


RULES: Final[Mapping[str, Rule]] = {
    "I1": reproducible,
    "I2": unit_tested,
    "I3": integrated,
    "I4": validated,
    "I5": followed,
    "I6": canaried,
    "I7": undone,
}
