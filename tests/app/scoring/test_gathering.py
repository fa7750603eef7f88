"""The score of a real project: facts are read from what happened, and from nothing else."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from trueup.app.scoring import computing
from trueup.app.scoring.records import Scorecard
from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.lifecycle.gates.attestations.table import attestations
from trueup.lifecycle.gates.table import verdicts

from ..conftest import BREACH, DAY, Desk

SAM, RITA = Actor(name="sam"), Actor(name="rita")


def seen(desk: Desk, as_of: str = "") -> Scorecard:
    return computing.score(desk.workspace, desk.workspace.owner, "small", as_of)


def proofs(card: Scorecard, test: str) -> list[str]:
    return [proof.ref for proof in card.line(test).proofs]


def tamper(desk: Desk, statement: sa.Update) -> None:
    """Change a row by other means than Trueup."""
    with desk.workspace.state.database.writing() as connection:
        connection.execute(statement)


def attest(desk: Desk, test: str = "D1", **changes: Any) -> None:
    until = clock.now().date() + timedelta(days=90)
    given = {"reason": "read by hand", "until": until} | changes
    desk.workspace.attestations.give(RITA, "small", test, **given)


def test_what_happened_once_is_a_proof_but_no_point(desk: Desk) -> None:
    card = seen(desk)
    assert (card.about, card.final) == ("small@1", 0)
    assert (
        card.line("I4").words
        == "a genuine verdict came before going live once: that is not repeated yet"
    )
    (verdict,) = desk.workspace.gates.of_model(SAM, "small@1")
    assert proofs(card, "I4") == [f"verdict:{verdict.id}"]
    assert card.line("D1").words == "no goal demands the check schema"


def test_harm_that_a_monitor_finds_takes_its_point(desk: Desk) -> None:
    line = seen(desk).line("Mo7")
    assert line.words == "the monitor of performance finds a breach at desk"
    (event,) = desk.events("monitors.evaluated")
    assert [proof.ref for proof in line.proofs] == [f"event:{event.id}"]


@pytest.mark.slow
def test_a_second_release_is_reviewed_gated_tried_and_undone(asked: Desk) -> None:
    asked.decide()
    asked.pump()
    asked.workspace.releases.promote(asked.workspace.owner, "desk", BREACH + DAY)
    card = seen(asked)
    assert card.about == "small@2"
    assert {"M1", "I4"} <= {line.id for line in card.lines if line.points == 1}
    assert card.line("I6").words == "a canary came first once: that is not repeated yet"
    assert "small@2, by: proposal" in [proof.words for proof in card.line("Mo4").proofs]
    asked.workspace.releases.roll_back(asked.workspace.owner, "desk", BREACH + 2 * DAY)
    after = seen(asked)
    assert after.about == "small@1"
    assert after.line("I7").words == "a release was rolled back once: that is not repeated yet"
    conditions = {c.title: c.answer for level in after.maturity[0].levels for c in level.conditions}
    assert conditions["Harm leads to a retraining"].holds


def test_a_score_speaks_of_any_day(desk: Desk) -> None:
    before = seen(desk, "2020-01-01")
    assert (before.about, before.at.date()) == ("", date(2020, 1, 1))
    assert {line.points for line in before.lines} == {0}
    assert seen(desk, "2999-01-01").at <= clock.now(), "nobody knows the future"
    with pytest.raises(UsageError):
        seen(desk, "yesterday")


def test_a_model_that_is_not_there_has_no_score(desk: Desk) -> None:
    with pytest.raises(NotFoundError) as caught:
        computing.score(desk.workspace, desk.workspace.owner, "smal")
    assert "small" in str(caught.value)


def test_a_verdict_that_was_changed_counts_for_nothing(desk: Desk) -> None:
    (verdict,) = desk.workspace.gates.of_model(SAM, "small@1")
    tamper(desk, verdicts.update().values(signature="00" * 64))
    card = seen(desk)
    assert card.discarded == (f"verdict:{verdict.id}",)
    assert card.line("I4").words.startswith("without a genuine verdict that passed before")


def test_an_attestation_gives_half_a_point_until_its_day(desk: Desk) -> None:
    attest(desk)
    line = seen(desk).line("D1")
    assert line.points == 0.5
    assert line.attested is not None
    assert (line.attested.by, line.attested.reason) == ("rita", "read by hand")
    now = clock.now()
    for days, points in ((89, 0.5), (90, 0.5), (91, 0.0)):
        with clock.held_at(now + timedelta(days=days)):
            assert seen(desk).line("D1").points == points
    assert seen(desk, f"{now - DAY:%Y-%m-%d}").line("D1").points == 0, "it was not given yet"


def test_an_attestation_that_was_changed_counts_for_nothing(desk: Desk) -> None:
    attest(desk)
    (given,) = desk.workspace.attestations.of_model(SAM, "small")
    claim = {"model": "small", "test": "D2", "reason": "read by hand", "given_by": "rita"}
    claim |= {"given_at": given.claim.given_at.isoformat(), "until": "2099-01-01"}
    tamper(desk, attestations.update().values(claim=claim))
    card = seen(desk)
    assert (card.line("D1").points, card.line("D2").points) == (0, 0)
    assert card.discarded == (f"attestation {given.id} about D2",)


def test_an_attestation_of_another_model_does_not_count_here(desk: Desk) -> None:
    attest(desk)
    tamper(desk, attestations.update().values(model="other"))
    assert seen(desk).line("D1").points == 0


def test_taking_back_holds_even_when_its_row_is_cleared(desk: Desk) -> None:
    attest(desk)
    desk.workspace.attestations.withdraw(RITA, "small", "d1", "it was another model")
    assert seen(desk).line("D1").points == 0
    tamper(desk, attestations.update().values(withdrawn_at=None))
    assert seen(desk).line("D1").points == 0, "the event log remembers"
