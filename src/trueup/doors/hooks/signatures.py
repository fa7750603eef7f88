"""Whether a web hook comes from who shares our secret. Pure: no clock, no network.

    webhook-signature     Standard Webhooks: GitLab's signing token, and anybody's own program
    x-hub-signature-256   GitHub, Gitea, Forgejo
    x-gitlab-token        GitLab's plain secret token

Every comparison takes the same time, whatever it finds. The first header of this list that is
there is the one that counts: a wrong one is not helped by a right one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from trueup.foundation.errors import DeniedError

TOLERANCE: Final = timedelta(minutes=5)
_PREFIX: Final = "whsec_"
_MOST_SIGNATURES: Final = 10


def check(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> None:
    """Refuse a call that is not signed with the secret, or was signed too long ago.

    Args:
        headers: The headers of the call, by name in lower case.
        body: Its body, byte for byte.
        secret: What both sides know; never empty.
        now: The present moment.

    Raises:
        DeniedError: It is unsigned, wrongly signed, or stale.
    """
    if "webhook-signature" in headers:
        _check_standard(headers, body, secret, now)
    elif "x-hub-signature-256" in headers:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        _require(_same(headers["x-hub-signature-256"], f"sha256={expected}"))
    elif "x-gitlab-token" in headers:
        _require(_same(headers["x-gitlab-token"], secret))
    else:
        raise DeniedError(
            "hook-unsigned",
            "The call is not signed, so it could come from anybody.",
            hint="trueup explain hook-unsigned",
        )


def sign(body: bytes, secret: str, id_: str, at: datetime) -> dict[str, str]:
    """The headers by which a program of one's own signs a call (Standard Webhooks).

    Example:
        >>> sorted(sign(b"{}", "a secret", "7", datetime(2026, 1, 1, tzinfo=UTC)))
        ['webhook-id', 'webhook-signature', 'webhook-timestamp']
    """
    seconds = str(int(at.timestamp()))
    signature = base64.b64encode(_digest(id_, seconds, body, secret)).decode()
    return {
        "webhook-id": id_,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{signature}",
    }


def _check_standard(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> None:
    id_, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    digest = _digest(id_, seconds, body, secret)
    expected = f"v1,{base64.b64encode(digest).decode()}"
    given = headers["webhook-signature"].split()[:_MOST_SIGNATURES]
    # All are compared: how long it takes must not say which one came close.
    fitting = [_same(signature, expected) for signature in given]
    _require(bool(id_) and any(fitting))
    try:
        signed_at = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        _require(False)
        return
    if abs(now - signed_at) > TOLERANCE:
        raise DeniedError(
            "hook-stale",
            f"The call was signed at {signed_at:%Y-%m-%d %H:%M:%S} UTC, more than "
            f"{TOLERANCE.total_seconds() / 60:.0f} minutes from now.",
            hint="trueup explain hook-stale",
        )


def _digest(id_: str, seconds: str, body: bytes, secret: str) -> bytes:
    content = b".".join((id_.encode(), seconds.encode(), body))
    return hmac.new(_key(secret), content, hashlib.sha256).digest()


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return secret.encode()


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _require(is_genuine: bool) -> None:
    if not is_genuine:
        raise DeniedError(
            "hook-signature",
            "The signature does not fit the call: the secret is another one, or it was changed.",
            hint="trueup explain hook-signature",
        )
