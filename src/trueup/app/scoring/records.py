"""The nouns of a score."""

from __future__ import annotations

from datetime import date, datetime

from trueup.foundation.records import Record
from trueup.lifecycle.gates.attestations.rubric import SectionName


class Proof(Record):
    """What a line rests on.

    Attributes:
        ref: A reference that `trueup why` opens.
        words: What it shows.
    """

    ref: str
    words: str


class Answer(Record):
    """What a rule finds in the facts.

    Attributes:
        holds: Whether evidence shows it, automatic and repeated.
        words: Why, or what is missing, in one sentence.
        proofs: The evidence there is, also when it does not suffice.
        next: Commands to run, or lines to write, that would gain the point.
    """

    holds: bool
    words: str
    proofs: tuple[Proof, ...] = ()
    next: tuple[str, ...] = ()


class Attested(Record):
    """An attestation that stands: half a point."""

    id: str
    by: str
    at: datetime
    until: date
    reason: str


class Line(Record):
    """One of the 28 tests.

    Attributes:
        id: Such as `D1`.
        title: What holds when it is passed.
        points: 1 when evidence shows it, 0.5 when only a person says so, else 0.
        words: Why, or what is missing.
        proofs: What it rests on.
        next: What to do to gain the point; empty with the full point.
        attested: Who says so, until when; None when nobody does.
    """

    id: str
    title: str
    points: float
    words: str
    proofs: tuple[Proof, ...] = ()
    next: tuple[str, ...] = ()
    attested: Attested | None = None

    @property
    def state(self) -> str:
        """`proven`, `attested` or `unproven`."""
        return "proven" if self.points == 1 else "attested" if self.points else "unproven"


class Section(Record):
    """Seven tests and their sum."""

    name: SectionName
    points: float
    lines: tuple[Line, ...]


class Condition(Record):
    """One thing that a level of maturity asks for."""

    title: str
    answer: Answer


class Level(Record):
    """A level of maturity, and whether all that it asks for holds.

    Attributes:
        number: Its number.
        title: What it is called.
        holds: Whether its own conditions hold; the levels below may not.
        conditions: What it asks for.
    """

    number: int
    title: str
    holds: bool
    conditions: tuple[Condition, ...]


class Maturity(Record):
    """How mature a model's operations are, as one author sees it.

    Attributes:
        author: Whose levels these are.
        reached: The highest level of which all conditions hold, and all below.
        title: What that level is called.
        levels: All levels above zero.
    """

    author: str
    reached: int
    title: str
    levels: tuple[Level, ...]


class Scorecard(Record):
    """All that is computed for a model.

    Attributes:
        model: Registered name.
        at: The moment it speaks of.
        about: The version that serves, else the newest one.
        final: The smallest of the four sums.
        means: How that is read.
        sections: Data, model, infrastructure, monitoring.
        maturity: Google's levels, Microsoft's levels.
        discarded: Verdicts and attestations that are not what was signed: they count for nothing.
    """

    model: str
    at: datetime
    about: str
    final: float
    means: str
    sections: tuple[Section, ...]
    maturity: tuple[Maturity, ...]
    discarded: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """All 28 tests in the order of the rubric."""
        return tuple(line for section in self.sections for line in section.lines)

    def line(self, id_: str) -> Line:
        """One test by its identifier."""
        return next(line for line in self.lines if line.id == id_)
