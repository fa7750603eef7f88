"""Tests of features and data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from trueup.app.scoring.facts import Defined, Facts, WentLive
from trueup.app.scoring.proving import REPEATED, YEAR, checked, every, no, often, shows, within, yes
from trueup.app.scoring.records import Answer, Proof
from trueup.app.scoring.rules import Rule
from trueup.foundation.text import plural

QUICK: Final = timedelta(days=30)
"""From the definition of a feature to a live version that uses it."""
_FEATURE: Final = '@step(features="NAME")   # on the step that makes them'


def schema(facts: Facts) -> Answer:
    """D1: a schema is held against the data in each gate."""
    return checked(facts, "schema")


def worth(facts: Facts) -> Answer:
    """D2: what the model loses without each feature is measured in each gate."""
    return checked(facts, "feature-value")


def cost(facts: Facts) -> Answer:
    """D3: beside its worth, the time that answering takes has a limit."""
    return checked(facts, "feature-value", "speed")


def allowed(facts: Facts) -> Answer:
    """D4: the model takes what it declares and nothing that gives the label away."""
    return checked(facts, "signature", "leakage")


def private(facts: Facts) -> Answer:
    """D5: columns are searched for private data in each gate."""
    return checked(facts, "privacy")


def quickly(facts: Facts) -> Answer:
    """D6: definitions of features reached a live version within `QUICK`, repeatedly."""
    reached = [
        (each, live)
        for each in within(facts.defined, facts, YEAR)
        if (live := _first_live(facts, each)) is not None
    ]
    absent = "no feature definition of the last year reached a live version"
    if not facts.defined:
        absent = "no step says which features it makes"
    quick = [(each, live) for each, live in reached if live.at - each.at <= QUICK]
    if reached and len(quick) < REPEATED <= len(reached):
        each, live = reached[0]
        took = plural((live.at - each.at).days, "day")
        words = f"{each.ref} took {took} to go live, and {QUICK.days} would be quick"
        return no(words, _proofs(each, live), ("trueup runs list",))
    proofs = [proof for pair in quick[:REPEATED] for proof in _proofs(*pair)]
    what = f"a feature definition went live within {QUICK.days} days"
    to_do = (_FEATURE, "trueup run") if not facts.defined else ("trueup feature list",)
    return often([each for each, _ in quick], what, proofs, absent=absent, to_do=to_do)


def _first_live(facts: Facts, feature: Defined) -> WentLive | None:
    users = {made.ref for made in facts.made if feature.digest in made.features.values()}
    after = [w for w in facts.went_live if w.model_ref in users and w.at >= feature.at]
    return min(after, key=lambda live: live.at, default=None)


def _proofs(feature: Defined, live: WentLive) -> tuple[Proof, ...]:
    return (
        shows(feature.ref, f"defined {feature.at:%Y-%m-%d}"),
        shows(live.ref, f"live {live.at:%Y-%m-%d}"),
    )


def code_tested(facts: Facts) -> Answer:
    """D7: the version says which feature code it uses, and tests of the steps are in the gate."""
    return every(_has_features(facts), checked(facts, "tests"))


def _has_features(facts: Facts) -> Answer:
    made = facts.version(facts.about)
    if made is None or not made.features:
        words = f"{facts.about or facts.model} does not say which code makes its features"
        return no(words, (), (_FEATURE, "trueup run"))
    proofs = (shows(made.ref, f"uses {plural(len(made.features), 'feature definition')}"),)
    return yes("the code of its features is on record", proofs)


RULES: Final[Mapping[str, Rule]] = {
    "D1": schema,
    "D2": worth,
    "D3": cost,
    "D4": allowed,
    "D5": private,
    "D6": quickly,
    "D7": code_tested,
}
