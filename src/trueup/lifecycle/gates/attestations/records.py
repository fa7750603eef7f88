"""The nouns of attestations."""

from __future__ import annotations

from datetime import date, datetime

from trueup.foundation.records import Record


class Claim(Record):
    """What a person says, and what their signature covers.

    Attributes:
        model: Registered name.
        test: Identifier of the test in the rubric, such as `M7`.
        reason: What was tested by hand, and where that is written down.
        given_by: Who says so.
        given_at: When.
        until: The last day on which it counts.
    """

    model: str
    test: str
    reason: str
    given_by: str
    given_at: datetime
    until: date


class Attestation(Record):
    """A signed claim.

    Attributes:
        id: Short identifier.
        claim: What it says.
        digest: Digest of the claim.
        signature: Hex Ed25519 signature of the digest.
        key: Which key signed.
        withdrawn_by: Who took it back.
        withdrawn_at: When; None while nobody did.
        withdrawn_why: Why.
    """

    id: str
    claim: Claim
    digest: str
    signature: str
    key: str
    withdrawn_by: str = ""
    withdrawn_at: datetime | None = None
    withdrawn_why: str = ""
