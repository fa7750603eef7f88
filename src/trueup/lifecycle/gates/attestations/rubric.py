"""The ML Test Score's 28 tests (Breck et al., IEEE Big Data 2017): seven in each of four sections.

What gains a test its point is decided in `app/scoring/`.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

SectionName = Literal["data", "model", "infrastructure", "monitoring"]


class RubricTest(NamedTuple):
    """One test of the rubric.

    Attributes:
        id: How it is called: the letter of its section and a number.
        section: Where it belongs.
        title: What holds when it is passed.
    """

    id: str
    section: SectionName
    title: str


TESTS: Final = (
    RubricTest("D1", "data", "What is expected of the data stands in a schema"),
    RubricTest("D2", "data", "Every feature is worth having"),
    RubricTest("D3", "data", "No feature costs more than it gives"),
    RubricTest("D4", "data", "Rules about which features may be used are enforced"),
    RubricTest("D5", "data", "Private data is kept out"),
    RubricTest("D6", "data", "A new feature goes live quickly"),
    RubricTest("D7", "data", "The code of features is tested"),
    RubricTest("M1", "model", "Every model is reviewed and comes from a commit"),
    RubricTest("M2", "model", "Better in the gate is better in use"),
    RubricTest("M3", "model", "Parameters were searched, not guessed"),
    RubricTest("M4", "model", "What ageing does to the model is known"),
    RubricTest("M5", "model", "A simpler model is not as good"),
    RubricTest("M6", "model", "It is good on every slice that matters"),
    RubricTest("M7", "model", "It treats groups of people alike"),
    RubricTest("I1", "infrastructure", "Training again gives the same model"),
    RubricTest("I2", "infrastructure", "The code that trains has unit tests"),
    RubricTest("I3", "infrastructure", "The whole pipeline is tested end to end"),
    RubricTest("I4", "infrastructure", "A gate stands before everything that serves"),
    RubricTest("I5", "infrastructure", "One example can be followed step by step"),
    RubricTest("I6", "infrastructure", "A canary comes before all traffic"),
    RubricTest("I7", "infrastructure", "A rollback is quick and practised"),
    RubricTest("Mo1", "monitoring", "A change of what it depends on is noticed"),
    RubricTest("Mo2", "monitoring", "Data keeps its rules, in training and in use"),
    RubricTest("Mo3", "monitoring", "Features are the same in training and in use"),
    RubricTest("Mo4", "monitoring", "The live model is not too old"),
    RubricTest("Mo5", "monitoring", "Numbers stay sound: no NaN, no infinity"),
    RubricTest("Mo6", "monitoring", "It does not grow slow or large"),
    RubricTest("Mo7", "monitoring", "Predictions in use stay good"),
)
IDS: Final = {test.id.lower(): test.id for test in TESTS}
