"""Decisions about attestations. Pure functions, but for the signature."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from trueup.foundation import digests
from trueup.foundation.errors import UsageError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.gates.attestations.records import Attestation
from trueup.lifecycle.gates.attestations.rubric import IDS
from trueup.ports.keys import Keys

LONGEST: Final = timedelta(days=366)
_LETTERS: Final = 2000


def named(text: str) -> str:
    """The identifier of the test that a text names.

    Raises:
        UsageError: There is no such test.

    Example:
        >>> named("mo4")
        'Mo4'
    """
    found = IDS.get(text.strip().lower())
    if found is None:
        raise UsageError(
            "score-test-unknown",
            f"The rubric has no test '{text[:40]}'.{did_you_mean(text, list(IDS.values()))}",
            hint="use one of: D1 to D7, M1 to M7, I1 to I7, Mo1 to Mo7",
        )
    return found


def check_claim(reason: str, until: date, today: date) -> None:
    """Refuse a claim that says nothing, or counts for ever.

    Raises:
        UsageError: There is no reason, or the day is past or too far away.
    """
    if not reason.strip() or len(reason) > _LETTERS:
        raise UsageError(
            "attestation-reason",
            f"An attestation says in 1 to {_LETTERS:,} letters what was tested by hand, and where "
            f"that is written down; this reason has {len(reason.strip()):,}.",
            hint='--reason "200 answers read by two people, notes in docs/reviews/may.md"',
        )
    if not today < until <= today + LONGEST:
        raise UsageError(
            "attestation-until",
            f"An attestation counts for a year at most, and {until} is "
            f"{'past' if until <= today else 'later'}.",
            hint=f"--until {today + timedelta(days=90)}",
        )


def stands(attestation: Attestation, at: datetime) -> bool:
    """Whether it counts at a moment: given, not taken back, not expired."""
    withdrawn = attestation.withdrawn_at
    return (
        attestation.claim.given_at <= at
        and at.date() <= attestation.claim.until
        and (withdrawn is None or withdrawn > at)
    )


def is_genuine(keys: Keys, attestation: Attestation) -> bool:
    """Whether it says what was signed, by our key."""
    digest = digests.of_record(attestation.claim)
    try:
        signature = bytes.fromhex(attestation.signature)
    except ValueError:  # no hexadecimal digits
        return False
    return digest == attestation.digest and keys.verify(digest.encode(), signature)
