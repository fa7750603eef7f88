"""The score of a model: 28 rules over its facts. `sections/` holds the rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from trueup.app.scoring import maturity
from trueup.app.scoring.facts import Facts
from trueup.app.scoring.gathering import gather
from trueup.app.scoring.records import Answer, Attested, Line, Scorecard, Section
from trueup.app.scoring.rules import Rule
from trueup.app.scoring.sections import data, infrastructure, model, monitoring
from trueup.app.wiring import Workspace
from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.lifecycle.gates.attestations.rubric import TESTS, RubricTest, SectionName
from trueup.lifecycle.models.aliases import rules as moments

SECTIONS: Final[tuple[SectionName, ...]] = ("data", "model", "infrastructure", "monitoring")
RULES: Final[Mapping[str, Rule]] = {
    **data.RULES,
    **model.RULES,
    **infrastructure.RULES,
    **monitoring.RULES,
}
# As the paper reads the final score; each holds up to and with its number.
_MEANINGS: Final = (
    (0.0, "more of a research project than a system in production"),
    (1.0, "not totally untested, but serious holes are likely"),
    (2.0, "a first pass at testing; more is worth the effort"),
    (3.0, "reasonably tested, with tests that could be automated"),
    (5.0, "strong: well tested and watched, fit for critical use"),
)
_BEST: Final = "exceptional"


def score(workspace: Workspace, actor: Actor, name: str, as_of: str = "") -> Scorecard:
    """The score of a model now, or at a day or moment.

    Raises:
        NotFoundError: There is no such model.
        UsageError: That is no day and no moment.
    """
    at = min(moments.moment(as_of), clock.now()) if as_of else clock.now()
    return of(facts(workspace, actor, name, at))


def facts(workspace: Workspace, actor: Actor, name: str, at: datetime) -> Facts:
    """What is known of a model at a moment.

    Raises:
        NotFoundError: There is no such model.
    """
    with workspace.state.read(actor) as connection:
        return gather(connection, workspace.state.keys, name, at)


def of(known: Facts) -> Scorecard:
    """The score that follows from facts."""
    sections = tuple(_section(known, name) for name in SECTIONS)
    final = min(section.points for section in sections)
    return Scorecard(
        model=known.model,
        at=known.at,
        about=known.about,
        final=final,
        means=meaning(final),
        sections=sections,
        maturity=maturity.levels(known),
        discarded=known.discarded,
    )


def meaning(final: float) -> str:
    """How the paper reads a final score.

    Example:
        >>> meaning(0), meaning(6.5)
        ('more of a research project than a system in production', 'exceptional')
    """
    return next((words for most, words in _MEANINGS if final <= most), _BEST)


def _section(known: Facts, name: SectionName) -> Section:
    lines = tuple(_line(known, test) for test in TESTS if test.section == name)
    return Section(name=name, points=sum(line.points for line in lines), lines=lines)


def _line(known: Facts, test: RubricTest) -> Line:
    answer = RULES[test.id](known)
    attested = _attested(known, test)
    points = 1.0 if answer.holds else 0.5 if attested else 0.0
    return Line(
        id=test.id,
        title=test.title,
        points=points,
        words=answer.words,
        proofs=answer.proofs,
        next=_next(known, test, answer, attested),
        attested=attested,
    )


def _attested(known: Facts, test: RubricTest) -> Attested | None:
    given = next((each for each in known.attestations if each.claim.test == test.id), None)
    if given is None:
        return None
    claim = given.claim
    return Attested(
        id=given.id,
        by=claim.given_by,
        at=claim.given_at,
        until=claim.until,
        reason=claim.reason,
    )


def _next(
    known: Facts, test: RubricTest, answer: Answer, attested: Attested | None
) -> tuple[str, ...]:
    """What gains the point; by hand, half of it."""
    if answer.holds:
        return ()
    if attested:
        return answer.next
    by_hand = f'trueup score attest {known.model} {test.id} --reason "…" --until DAY'
    return (*answer.next, by_hand)


def to_gain(card: Scorecard) -> tuple[Line, ...]:
    """What is worth most next: the lines without a full point of the section that holds it down."""
    weakest = min(card.sections, key=lambda section: section.points)
    missing = [line for line in weakest.lines if line.points < 1]
    # A line with some evidence already is nearer to its point than one with none.
    return tuple(sorted(missing, key=lambda line: (not line.proofs, -line.points)))
