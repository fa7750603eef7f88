"""Tests of what happens after release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trueup.app.scoring.facts import Facts
from trueup.app.scoring.proving import QUARTER, checked, every, monitored, no, often, shows, within
from trueup.app.scoring.records import Answer
from trueup.app.scoring.rules import Rule
from trueup.app.scoring.sections.infrastructure import ran_by_themselves
from trueup.foundation.text import plural


def noticed(facts: Facts) -> Answer:
    """Mo1: new data or new code started runs by itself: a change cannot pass unseen."""
    found = ran_by_themselves(facts, "data", "commit")
    proofs = [shows(f"run:{run.run}", f"started by new {run.origin}") for run in found]
    absent = f"no change of data or code started a run in {QUARTER.days} days"
    to_do = ('@pipeline(..., on=("data:NAME", "commit"))', "trueup up")
    return often(found, "changes started a run", proofs, absent=absent, to_do=to_do)


def invariants(facts: Facts) -> Answer:
    """Mo2: a schema in the gate, the same expectations of what comes in."""
    return every(checked(facts, "schema"), monitored(facts, "quality"))


def same_features(facts: Facts) -> Answer:
    """Mo3: training and serving are compared."""
    return checked(facts, "skew")


def fresh(facts: Facts) -> Answer:
    """Mo4: what serves is not older than a quarter, and trainings start by themselves."""
    made = facts.version(facts.serving)
    if made is None:
        release = f"trueup release propose {facts.newest or facts.model} --to NAME"
        return no("no version serves", (), (release,))
    age = (facts.at - made.at).days
    proof = shows(made.ref, f"registered {made.at:%Y-%m-%d}")
    if facts.at - made.at > QUARTER:
        words = f"{made.ref} is {plural(age, 'day')} old"
        return no(words, (proof,), ("trueup run",))
    found = [made for made in within(facts.made, facts, QUARTER) if made.origin != "person"]
    runs = [shows(f"run:{each.run}", f"{each.ref}, by: {each.origin}") for each in found]
    absent = f"no version of the last {QUARTER.days} days was trained by itself"
    to_do = (
        '@pipeline(..., schedule="0 3 * * 1")   # and: trueup up',
        'on_breach = ["alert", "retrain"]   # in a goal of trueup.toml',
    )
    what = f"{made.ref} is {plural(age, 'day')} old; versions were trained by themselves"
    return often(found, what, [proof, *runs], absent=absent, to_do=to_do)


def sound_numbers(facts: Facts) -> Answer:
    """Mo5: each answer is a number that may be, in the gate; in use, requests do not fail."""
    return every(checked(facts, "answers"), monitored(facts, "errors"))


def quick_answers(facts: Facts) -> Answer:
    """Mo6: time, memory and size have limits in the gate; latency is watched."""
    return every(checked(facts, "speed"), monitored(facts, "latency"))


def good_predictions(facts: Facts) -> Answer:
    """Mo7: a goal is watched on what really happened."""
    return monitored(facts, "performance")


RULES: Final[Mapping[str, Rule]] = {
    "Mo1": noticed,
    "Mo2": invariants,
    "Mo3": same_features,
    "Mo4": fresh,
    "Mo5": sound_numbers,
    "Mo6": quick_answers,
    "Mo7": good_predictions,
}
