"""What counts as evidence: automatic, repeated, and not too old. The rules are made of these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from trueup.app.scoring.examples import demanding
from trueup.app.scoring.facts import Facts, Watched
from trueup.app.scoring.records import Answer, Proof
from trueup.foundation.text import listing, plural

REPEATED: Final = 2
"""What happened once may have been tried by hand; what is repeated happened this often at least."""
MONTH: Final = timedelta(days=30)
"""How long the evaluations of monitors count."""
QUARTER: Final = timedelta(days=90)
"""How long checks, runs and reproductions count."""
YEAR: Final = timedelta(days=365)
"""How long releases, rollbacks and searches count: they are rarer."""
WINDOWS: Final = {
    "monitors": MONTH,
    "checks, runs and reproductions": QUARTER,
    "releases, rollbacks and searches": YEAR,
}


class Dated(Protocol):
    """Something that happened at a moment."""

    @property
    def at(self) -> datetime:
        """When."""
        ...


_GOOD: Final = ("ok", "changed-but-negligible")

_T = TypeVar("_T", bound=Dated)


def yes(words: str, proofs: Iterable[Proof] = ()) -> Answer:
    """Evidence shows it."""
    return Answer(holds=True, words=words, proofs=tuple(proofs))


def no(words: str, proofs: Iterable[Proof] = (), to_do: tuple[str, ...] = ()) -> Answer:
    """Evidence does not show it: what is missing, and what would show it."""
    return Answer(holds=False, words=words, proofs=tuple(proofs), next=to_do)


def shows(ref: str, words: str) -> Proof:
    """A thing, and what it shows."""
    return Proof(ref=ref, words=words)


def within(found: Iterable[_T], facts: Facts, length: timedelta) -> list[_T]:
    """Those that are not older than a length of time."""
    return [each for each in found if each.at > facts.at - length]


def every(*answers: Answer) -> Answer:
    """All of them must hold; says what is missing, or else why all do."""
    missing = [each for each in answers if not each.holds]
    told = missing or answers
    return Answer(
        holds=not missing,
        words="; ".join(dict.fromkeys(each.words for each in told)),
        proofs=tuple(dict.fromkeys(proof for each in answers for proof in each.proofs)),
        next=tuple(dict.fromkeys(line for each in missing for line in each.next)),
    )


def either(*answers: Answer) -> Answer:
    """One of them must hold; the first that does speaks, else the first."""
    return next((each for each in answers if each.holds), answers[0])


def checked(facts: Facts, *kinds: str) -> Answer:
    """The plan demands these families of checks, and gates ran them again and again."""
    return every(*(_checked(facts, kind) for kind in kinds))


def _checked(facts: Facts, kind: str) -> Answer:
    known = [r for r in facts.ran if r.kind == kind and r.outcome != "not-applicable"]
    recent = within(known, facts, QUARTER)
    proofs = tuple(
        shows(f"verdict:{each.verdict}", f"{kind} {each.outcome} for {each.model_ref}")
        for each in recent[:REPEATED]
    )
    judge = (f"trueup check {facts.about or facts.model}",)
    anew = ("trueup run", f"trueup check {facts.model}")
    if kind not in facts.demanded:
        return no(f"no goal demands the check {kind}", proofs, demanding(kind))
    if not recent:
        words = f"the plan demands {kind}, but no gate ran it in {QUARTER.days} days"
        return no(words, proofs, anew if known else judge)
    newest = next((each for each in known if each.model_ref == facts.about), None)
    if newest is None:
        return no(f"{kind} was not checked for {facts.about}", proofs, judge)
    if newest.outcome != "passed":
        words = f"{kind} {newest.outcome.replace('-', ' ')} for {newest.model_ref}"
        about = shows(f"verdict:{newest.verdict}", words)
        return no(words, (about,), (f"trueup why verdict:{newest.verdict}",))
    # Whoever judges one version over and over in an hour has not repeated anything.
    occasions = len({(each.model_ref, each.at.date()) for each in recent})
    if occasions < REPEATED:
        words = f"{kind} ran once in {QUARTER.days} days: that is not repeated yet"
        return no(words, proofs, anew)
    words = f"{kind} passed for {facts.about}; gates ran it {times(occasions)}"
    return yes(words, proofs)


def monitored(facts: Facts, *kinds: str) -> Answer:
    """Monitors of these kinds look at what serves, again and again, and all is well."""
    return every(*(_monitored(facts, kind) for kind in kinds))


def _monitored(facts: Facts, kind: str) -> Answer:
    found = within((w for w in facts.watched if w.kind == kind), facts, MONTH)
    decided = _distinct(w for w in found if w.verdict != "not-enough-data")
    if not facts.deployments:
        line = f'[deployments.NAME]   # in trueup.toml\nmodel = "{facts.model}"'
        return no("the plan has no deployment of this model", (), (line,))
    run = f"trueup monitor run {facts.deployments[0]}"
    if not decided:
        lacks = "had enough rows" if found else "was evaluated"
        words = f"no monitor of {kind} {lacks} in {MONTH.days} days"
        return no(words, _seen(found[:1]), (run,))
    newest = decided[0]
    if newest.verdict not in _GOOD:
        words = f"the monitor of {kind} finds a {newest.verdict} at {newest.deployment}"
        return no(words, _seen(decided[:1]), (f"trueup monitor status {newest.deployment}",))
    if len(decided) < REPEATED:
        words = f"{kind} was evaluated once in {MONTH.days} days: that is not repeated yet"
        return no(words, _seen(decided), (run, "trueup up"))
    words = f"{kind} of {newest.model_ref} was evaluated {times(len(decided))}"
    return yes(words, _seen(decided[:REPEATED]))


def _distinct(found: Iterable[Watched]) -> list[Watched]:
    """One for each evaluation; the worst finding speaks for it."""
    by_event: dict[str, Watched] = {}
    for each in found:
        if each.event not in by_event or each.verdict not in _GOOD:
            by_event[each.event] = each
    return list(by_event.values())


def _seen(found: Sequence[Watched]) -> tuple[Proof, ...]:
    return tuple(
        shows(f"event:{w.event}", f"{w.kind} {w.verdict.replace('-', ' ')} at {w.deployment}")
        for w in found
    )


def often(
    found: Sequence[_T],
    what: str,
    proofs: Sequence[Proof],
    *,
    absent: str,
    to_do: tuple[str, ...],
) -> Answer:
    """Something happened often enough in its window.

    Args:
        found: What happened.
        what: What it is called, in the past: `training started by itself`.
        proofs: The evidence.
        absent: What to say when it never happened.
        to_do: What would gain the point.
    """
    if not found:
        return no(absent, (), to_do)
    shown = tuple(proofs[:REPEATED])
    if len(found) < REPEATED:
        return no(f"{what} once: that is not repeated yet", shown, to_do)
    return yes(f"{what} {times(len(found))}", shown)


def times(count: int) -> str:
    """How often, in words.

    Example:
        >>> times(2), times(7)
        ('twice', '7 times')
    """
    return "twice" if count == 2 else plural(count, "time")


def names(found: Iterable[str]) -> str:
    """Several names as one phrase."""
    return listing(list(dict.fromkeys(found)))
