"""Tests of model development."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final

from trueup.app.scoring.facts import Facts, WentLive
from trueup.app.scoring.proving import REPEATED, YEAR, checked, names, no, shows, times, within, yes
from trueup.app.scoring.records import Answer, Proof
from trueup.app.scoring.rules import Rule
from trueup.foundation.text import plural

_PAIRS: Final = 3
"""Versions that were measured in the gate and in use: with fewer, agreement is chance."""


def reviewed(facts: Facts) -> Answer:
    """M1: the last releases are of versions from a clean commit, with a second person's yes."""
    asked = released(facts)[:REPEATED]
    if not asked:
        words = f"nothing was released in {YEAR.days} days"
        return no(words, (), (f"trueup release propose {facts.model} --to NAME",))
    faults = [fault for release in asked for fault in _unreviewed(facts, release)]
    proofs = tuple(_reviews(asked))
    if faults:
        to_do = ('template = "team"   # under [process] in trueup.toml', "git commit", "trueup run")
        return no(names(faults), proofs, to_do)
    if len(asked) < REPEATED:
        words = "one release was reviewed: that is not repeated yet"
        return no(words, proofs, (f"trueup release propose {facts.model} --to NAME",))
    words = f"the last {len(asked)} releases come from commits, and a second person said yes"
    return yes(words, proofs)


def released(facts: Facts) -> list[WentLive]:
    """What went live in the last year, returns after a rollback left out, newest first."""
    return [each for each in within(facts.went_live, facts, YEAR) if each.how != "again"]


def _unreviewed(facts: Facts, release: WentLive) -> Iterator[str]:
    made = facts.version(release.model_ref)
    if made is None or not made.commit or not made.is_clean:
        yield f"{release.model_ref} comes from no commit alone"
    if not release.approved_by:
        yield f"nobody else approved {release.ref}"


def _reviews(releases: list[WentLive]) -> Iterator[Proof]:
    for release in releases:
        if release.approval:
            yield shows(f"approval:{release.approval}", f"{release.approved_by} said yes")
        yield shows(release.ref, f"{release.model_ref} went live")


def agreement(facts: Facts) -> Answer:
    """M2: versions that are better in the gate are better in use, for most pairs of them."""
    agree, pairs, versions, proofs = 0, 0, 0, []
    for goal in sorted({w.goal for w in facts.watched if w.kind == "performance" and w.goal}):
        offline = _offline(facts, goal)
        online = _online(facts, goal)
        both = sorted(offline.keys() & online.keys())
        versions = max(versions, len(both))
        for one, other in combinations(both, 2):
            apart = offline[one][0] - offline[other][0], online[one][0] - online[other][0]
            if apart[0] and apart[1]:
                pairs += 1
                agree += (apart[0] > 0) == (apart[1] > 0)
        for ref in both:
            proofs.append(shows(offline[ref][1], f"goal {goal} of {ref} in the gate"))
            proofs.append(shows(online[ref][1], f"goal {goal} of {ref} in use"))
    shown = tuple(proofs[-2 * _PAIRS :])
    if versions < _PAIRS or not pairs:
        words = (
            f"{plural(versions, 'version')} with a goal measured in the gate and in use; "
            f"{_PAIRS} would show whether both agree"
        )
        to_do = (f"trueup release propose {facts.model} --to NAME", "trueup monitor run")
        return no(words, shown, to_do)
    words = f"gate and use agree for {agree} of {plural(pairs, 'pair')} of versions"
    if 2 * agree <= pairs:
        return no(words, shown, ("trueup plan show",))
    return yes(words, shown)


def _offline(facts: Facts, goal: str) -> dict[str, tuple[float, str]]:
    """What the newest verdict about each version measured."""
    found: dict[str, tuple[float, str]] = {}
    for verdict in within(facts.judged, facts, YEAR):
        if goal in verdict.measured:
            measured = verdict.measured[goal], f"verdict:{verdict.verdict}"
            found.setdefault(verdict.model_ref, measured)
    return found


def _online(facts: Facts, goal: str) -> dict[str, tuple[float, str]]:
    """What the newest evaluation of each version measured."""
    found: dict[str, tuple[float, str]] = {}
    for seen in within(facts.watched, facts, YEAR):
        if (seen.kind, seen.goal) == ("performance", goal) and seen.value is not None:
            found.setdefault(seen.model_ref, (seen.value, f"event:{seen.event}"))
    return found


def searched(facts: Facts) -> Answer:
    """M3: its parameters are among those that a search tried, and searches are repeated."""
    found = within(facts.searches, facts, YEAR)
    to_do = ("trueup run --sweep NAME=1,2,4 --by METRIC",)
    if not found:
        return no(f"no parameters were searched in {YEAR.days} days", (), to_do)
    proofs = tuple(shows(f"run:{each.run}", f"of sweep {each.id}") for each in found[:REPEATED])
    made = facts.version(facts.about)
    if made is None or not any(made.parameters in each.tried for each in found):
        words = f"no search tried the parameters of {facts.about or facts.model}"
        return no(words, proofs, ("trueup run   # with the best parameters",))
    if len(found) < REPEATED:
        return no("one search: that is not repeated yet", proofs, to_do)
    words = f"parameters were searched {times(len(found))}; those of {facts.about} are among them"
    return yes(words, proofs)


def ageing(facts: Facts) -> Answer:
    """M4: older training data is tried on newer rows in each gate."""
    return checked(facts, "staleness")


def simpler(facts: Facts) -> Answer:
    """M5: the model beats a simple one in each gate."""
    return checked(facts, "baseline")


def sliced(facts: Facts) -> Answer:
    """M6: each slice has its limit in each gate."""
    return checked(facts, "slices")


def inclusion(facts: Facts) -> Answer:
    """M7: groups of people are compared in each gate."""
    return checked(facts, "fairness")


RULES: Final[Mapping[str, Rule]] = {
    "M1": reviewed,
    "M2": agreement,
    "M3": searched,
    "M4": ageing,
    "M5": simpler,
    "M6": sliced,
    "M7": inclusion,
}
