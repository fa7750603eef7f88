"""Decisions about web hooks: what they may be, how they are signed, when they are tried again."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Collection
from datetime import timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from trueup.foundation.errors import UsageError
from trueup.foundation.text import did_you_mean
from trueup.state.addresses import is_address, is_loopback, is_public
from trueup.state.outbound import malformed

EVENTS: Final = (
    *("registered_model.created", "model_version.created"),
    *("model_version_tag.set", "model_version_tag.deleted"),
    *("model_version_alias.created", "model_version_alias.deleted"),
    *("prompt.created", "prompt_version.created"),
    *("prompt_tag.set", "prompt_tag.deleted"),
    *("prompt_version_tag.set", "prompt_version_tag.deleted"),
    *("prompt_alias.created", "prompt_alias.deleted"),
)
"""All that a web hook can be told of; the names are those of MLflow."""

KEPT_FOR: Final = timedelta(days=3)
_FIRST_WAIT: Final = timedelta(seconds=5)
_LONGEST_WAIT: Final = timedelta(hours=1)
_LONGEST_URL: Final = 2000
_LONGEST_SECRET: Final = 1000
_LONGEST_WORDS: Final = 5000
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LATER: Final = frozenset({408, 425, 429})  # all else below 500 says the same again tomorrow


def check_name(name: str) -> None:
    """Refuse what can be no name of a web hook.

    Raises:
        UsageError: It has other characters than letters, digits, `.`, `_` and `-`, or too many.
    """
    if not _NAME.fullmatch(name):
        raise _malformed(
            f"Webhook name {name[:100]!r} is invalid. It must start and end with a letter or "
            "digit, be less than 63 characters long, and contain only letters, digits, dots (.), "
            "underscores (_), and hyphens (-)."
        )


def check_url(url: str, private_hosts: Collection[str]) -> None:
    """Refuse an address that may not be told anything; names are looked up when they are told.

    Raises:
        UsageError: It is no https address, holds a password, or is known to be private.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise _malformed(f"Invalid webhook URL {url[:200]!r}: {error}.") from error
    if len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
        raise _malformed(f"Invalid webhook URL {url[:200]!r}: too long, or odd characters.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in private_hosts):
        raise _malformed(
            f"Invalid webhook URL scheme: {parts.scheme[:50]!r}. Allowed schemes are: https; "
            "http only for hosts among [webhooks] private_hosts of trueup.toml."
        )
    if not host:
        raise _malformed(f"Webhook URL must include a hostname: {url[:200]!r}")
    if trouble := malformed(url):
        raise _malformed(f"Invalid webhook URL {url[:200]!r}: {trouble}.")
    if parts.username or parts.password:
        raise _malformed(f"Webhook URL for {host[:200]} must not hold a user or password.")
    if host in private_hosts:
        return
    if is_loopback(host) or (is_address(host) and not is_public(host)):
        raise UsageError(
            "service-private",
            f"The host '{host[:200]}' is no public address.",
            hint=f'in trueup.toml:  [webhooks]  private_hosts = ["{host[:200]}"]',
            context={"host": host[:200]},
        )


def check_events(events: Collection[str]) -> tuple[str, ...]:
    """What a web hook is told of: each once, as they were given.

    Raises:
        UsageError: There is none, or one that never happens.
    """
    if not events:
        raise _malformed("Webhook events cannot be empty")
    for event in events:
        if event not in EVENTS:
            raise _malformed(
                f"Invalid webhook event '{event[:100]}'.{did_you_mean(event[:100], EVENTS)} "
                f"What happens here: {', '.join(EVENTS)}."
            )
    return tuple(dict.fromkeys(events))


def check_words(description: str, secret: str) -> None:
    """Refuse a description or secret that is too long.

    Raises:
        UsageError: It is.
    """
    for what, text, most in (
        ("description", description, _LONGEST_WORDS),
        ("secret", secret, _LONGEST_SECRET),
    ):
        if len(text) > most:
            raise _malformed(
                f"The webhook's {what} has {len(text)} characters, at most {most} fit."
            )


def headers(secret: str, delivery: str, at: int, body: str) -> dict[str, str]:
    """What goes with a body, as MLflow's receivers look for it.

    Args:
        secret: What signs it; empty for no signature.
        delivery: Identifier of the delivery.
        at: Second of this attempt: receivers refuse old ones.
        body: JSON text.
    """
    sent = {
        "Content-Type": "application/json",
        "X-MLflow-Delivery-Id": delivery,
        "X-MLflow-Timestamp": str(at),
    }
    if secret:
        signed = hmac.new(secret.encode(), f"{delivery}.{at}.{body}".encode(), sha256).digest()
        sent["X-MLflow-Signature"] = f"v1,{base64.b64encode(signed).decode()}"
    return sent


def wait_after(failures: int, asked_s: int = 0) -> timedelta:
    """How long a web hook is left alone after so many failures: 5 s, twice that, up to an hour.

    Example:
        >>> [wait_after(n).seconds for n in (1, 2, 3, 20)]
        [5, 10, 20, 3600]
    """
    doubled = _FIRST_WAIT * (1 << min(max(failures - 1, 0), 20))
    return min(max(doubled, timedelta(seconds=min(asked_s, 3600))), _LONGEST_WAIT)


def is_refused_for_good(status: int | None) -> bool:
    """Whether the same again would be answered the same: a redirect or a refusal."""
    return status is not None and 300 <= status < 500 and status not in _LATER


def _malformed(words: str) -> UsageError:
    return UsageError("webhook-malformed", words, hint="trueup webhook add --help")
