"""A verdict is reached again from its digests, and leaves the house as others read it."""

from __future__ import annotations

import base64
import hashlib

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from trueup.foundation import clock, digests
from trueup.foundation.errors import ConflictError
from trueup.lifecycle.gates import table
from trueup.lifecycle.gates.attestation import encoded
from trueup.lifecycle.models import table as model_table

from ..conftest import AT, Shop


def test_the_same_digests_give_the_same_bytes(shop: Shop) -> None:
    verdict = shop.judge(2)
    with shop.state.database.writing() as connection:
        connection.execute(table.findings.delete())  # nothing is taken from what was kept
    found = shop.gates.replay(shop.sam, verdict.id)
    assert (found.same, found.again, found.differing) == (True, verdict.digest, ())


def test_a_finding_that_was_kept_is_not_made_again(shop: Shop) -> None:
    shop.judge(2)
    with shop.state.database.writing() as connection:
        before = connection.execute(table.findings.select()).fetchall()
        result = before[0].result | {"words": "kept"}
        connection.execute(
            table.findings.update()
            .where(table.findings.c.address == before[0].address)
            .values(result=result)
        )
        connection.execute(table.verdicts.delete())
    assert "kept" in [r.words for r in shop.judge(2).statement.results]


def test_what_differs_is_named(shop: Shop) -> None:
    verdict = shop.judge(2)
    with shop.state.database.writing() as connection:
        said = msgspec.to_builtins(verdict.statement)
        said["results"][2]["value"] = 0.99
        digest = digests.of_record(said)
        connection.execute(table.verdicts.update().values(statement=said, digest=digest))
    found = shop.gates.replay(shop.sam, verdict.id)
    assert (found.same, found.again) == (False, verdict.digest)
    assert found.differing == ("ranked.limit",)


def test_a_verdict_about_a_version_that_is_gone_cannot_be_reached_again(shop: Shop) -> None:
    verdict = shop.judge(2)
    with shop.state.database.writing() as connection:
        connection.execute(model_table.model_versions.delete())
    with pytest.raises(ConflictError, match="its model version is not here"):
        shop.gates.replay(shop.sam, verdict.id)


def test_a_summary_names_the_file_the_policy_and_the_outcome(shop: Shop) -> None:
    with clock.held_at(AT):
        verdict = shop.judge(2)
    signed = shop.gates.attest(shop.sam, verdict.id)
    payload = base64.b64decode(signed["payload"])
    said = msgspec.json.decode(payload)
    file = shop.models.show(shop.sam, "small", "2").manifest.file
    subject = said["subject"][0]
    assert subject["name"] == "small@2"
    assert subject["digest"]["sha256"] == hashlib.sha256(shop.state.blobs.get(file)).hexdigest()
    predicate = said["predicate"]
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["verifiedLevels"] == ["TRUEUP_GATE_PRODUCTION"]
    assert "b3:" + predicate["policy"]["digest"]["blake3"] == verdict.statement.plan
    assert predicate["timeVerified"] == "2026-03-02T09:00:00Z"


def test_a_summary_is_signed_as_dsse_says(shop: Shop) -> None:
    signed = shop.gates.attest(shop.sam, shop.judge(3).id)
    payload = base64.b64decode(signed["payload"])
    signature = base64.b64decode(signed["signatures"][0]["sig"])
    key = Ed25519PublicKey.from_public_bytes(shop.state.keys.public_key())
    key.verify(signature, encoded(signed["payloadType"], payload))  # raises if it does not fit
    assert msgspec.json.decode(payload)["predicate"]["verifiedLevels"] == []
