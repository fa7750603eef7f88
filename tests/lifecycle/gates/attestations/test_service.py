"""What a person says they tested by hand: signed, for a while, by whom it suits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from trueup.foundation import clock
from trueup.foundation.actor import Actor, service
from trueup.foundation.errors import DeniedError, NotFoundError, TrueupError, UsageError
from trueup.lifecycle.gates.attestations import rules
from trueup.lifecycle.gates.attestations.records import Attestation
from trueup.lifecycle.gates.attestations.service import Attestations
from trueup.state import eventlog

from ...conftest import Shop

SOON = timedelta(days=90)


@pytest.fixture
def verbs(shop: Shop) -> Attestations:
    return Attestations(shop.state)


def give(verbs: Attestations, actor: Actor, **changes: Any) -> Attestation:
    given = {"test": "M7", "reason": "read 200 answers", "until": clock.now().date() + SOON}
    return verbs.give(actor, "small", **(given | changes))


def test_it_says_who_why_and_until_when_under_our_signature(
    shop: Shop, verbs: Attestations
) -> None:
    given = give(verbs, shop.sam, test="m7")
    assert (given.claim.test, given.claim.given_by) == ("M7", "sam")
    assert rules.is_genuine(shop.state.keys, given)
    assert verbs.of_model(shop.sam, "small") == [given]
    with shop.state.read(shop.sam) as connection:
        (event,) = eventlog.between(connection, ["attestation.given"], clock.now())
    assert (event.subject, event.why, event.after) == (
        "model:small",
        "read 200 answers",
        given.digest,
    )


def test_every_word_of_it_is_signed(shop: Shop, verbs: Attestations) -> None:
    given = give(verbs, shop.sam)
    for field, value in (
        ("test", "M6"),
        ("reason", "read 2 answers"),
        ("given_by", "rita"),
        ("until", given.claim.until + SOON),
        ("given_at", given.claim.given_at - SOON),
        ("model", "other"),
    ):
        claim = msgspec.structs.replace(given.claim, **{field: value})
        assert not rules.is_genuine(shop.state.keys, msgspec.structs.replace(given, claim=claim))
    assert not rules.is_genuine(shop.state.keys, msgspec.structs.replace(given, signature="none"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"test": "M8"}, "score-test-unknown"),
        ({"reason": "  "}, "attestation-reason"),
        ({"reason": "x" * 2001}, "attestation-reason"),
        ({"until": timedelta(0)}, "attestation-until"),
        ({"until": timedelta(days=367)}, "attestation-until"),
    ],
)
def test_what_says_nothing_or_counts_for_ever_is_refused(
    shop: Shop, verbs: Attestations, changes: dict[str, Any], code: str
) -> None:
    if "until" in changes:
        changes = {"until": clock.now().date() + changes["until"]}
    with pytest.raises(UsageError) as caught:
        give(verbs, shop.sam, **changes)
    assert caught.value.code == code
    assert verbs.of_model(shop.sam, "small") == []


def test_only_who_tests_or_reviews_may(shop: Shop, verbs: Attestations) -> None:
    give(verbs, Actor(name="rita"))
    for actor in (Actor(name="omar"), Actor(name="vera"), service("automation")):
        with pytest.raises(DeniedError):
            give(verbs, actor)
        with pytest.raises(DeniedError):
            verbs.withdraw(actor, "small", "M7")
    assert len(verbs.of_model(shop.sam, "small")) == 1


def test_it_is_about_a_model_that_is_there(shop: Shop, verbs: Attestations) -> None:
    with pytest.raises(NotFoundError):
        verbs.give(shop.sam, "smal", "M7", "why", clock.now().date() + SOON)


def test_it_is_taken_back_once(shop: Shop, verbs: Attestations) -> None:
    give(verbs, shop.sam)
    (gone,) = verbs.withdraw(shop.sam, "small", "M7", "it was another model")
    (kept,) = verbs.of_model(shop.sam, "small")
    assert (kept.id, kept.withdrawn_by, kept.withdrawn_why) == (
        gone.id,
        "sam",
        "it was another model",
    )
    assert not rules.stands(kept, clock.now())
    with pytest.raises(TrueupError) as caught:
        verbs.withdraw(shop.sam, "small", "M7")
    assert caught.value.code == "attestation-not-found"
