"""A verdict as others read it: a SLSA verification summary in a signed DSSE envelope.

Formats: in-toto Statement v1, SLSA Verification Summary v1, DSSE v1. Read ``records.py`` first.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

from trueup.foundation import records
from trueup.foundation.digests import PREFIX
from trueup.lifecycle.gates.records import Statement, Verdict
from trueup.ports.keys import Keys

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_SUMMARY: Final = "https://slsa.dev/verification_summary/v1"
_VERIFIER: Final = "https://pypi.org/project/trueup"


def summary(verdict: Verdict, model_file: bytes, tool: str) -> dict[str, Any]:
    """What a verdict says, as an in-toto statement about the model's file.

    Args:
        verdict: The verdict.
        model_file: The bytes of the model that was judged.
        tool: Version of Trueup.
    """
    said = verdict.statement
    return {
        "_type": _STATEMENT,
        "subject": [
            {
                "name": said.model_ref,
                "digest": {"sha256": hashlib.sha256(model_file).hexdigest()},
                "annotations": {"trueup.manifest": said.model},
            }
        ],
        "predicateType": _SUMMARY,
        "predicate": {
            "verifier": {"id": _VERIFIER, "version": {"trueup": tool}},
            "timeVerified": f"{verdict.given_at:%Y-%m-%dT%H:%M:%SZ}",
            "resourceUri": f"trueup:model/{said.model_ref}",
            "policy": {
                "uri": f"trueup:gate/{said.gate}",
                "digest": {"blake3": said.plan.removeprefix(PREFIX)},
            },
            "inputAttestations": _inputs(verdict),
            "verificationResult": said.outcome,
            "verifiedLevels": [f"TRUEUP_GATE_{said.gate.upper()}"] if verdict.passed else [],
            "slsaVersion": "1.0",
            "trueup": records.builtins(said),
        },
    }


def envelope(statement: dict[str, Any], keys: Keys) -> dict[str, Any]:
    """A statement, signed: DSSE's envelope with one Ed25519 signature."""
    payload = records.encode(statement)
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {
                "keyid": keys.key_id,
                "sig": base64.b64encode(keys.sign(encoded(PAYLOAD_TYPE, payload))).decode(),
            }
        ],
    }


def encoded(kind: str, payload: bytes) -> bytes:
    """The bytes that DSSE signs (its pre-authentication encoding).

    Example:
        >>> encoded("http://example.com/HelloWorld", b"hello world")
        b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def _inputs(verdict: Verdict) -> list[dict[str, Any]]:
    """What the verdict rests on, by name and digest."""
    said = verdict.statement
    named = {f"trueup:verdict/{verdict.id}": verdict.digest} | _evidence(said)
    return [
        {"uri": uri, "digest": {"blake3": digest.removeprefix(PREFIX)}}
        for uri, digest in named.items()
        if digest
    ]


def _evidence(said: Statement) -> dict[str, str]:
    return {
        f"trueup:rows/{said.rows}": said.data,
        "trueup:rows/training": said.trained_on,
        "trueup:champion": said.champion,
        "trueup:environment": said.environment,
    }
