"""Secrets and the headers that carry them. Pure functions, but for chance."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from hashlib import sha256
from typing import Final, NamedTuple

from trueup.foundation.identifiers import short_id

_MARK: Final = "trueup"
_NOBODYS: Final = sha256(b"the digest of no token").hexdigest()


class Given(NamedTuple):
    """What a request says about its sender.

    Attributes:
        name: The person it names; empty when the token alone speaks.
        secret: The token.
    """

    name: str
    secret: str


def new_secret() -> tuple[str, str, str]:
    """A new identifier, its secret (256 random bits), and the digest that is kept of that.

    The secret is random, so that a plain digest cannot be turned back: a slow one would only make
    each request slow.
    """
    id_ = short_id(10)
    secret = f"{_MARK}_{id_}_{secrets.token_urlsafe(32)}"
    return id_, secret, digest_of(secret)


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return sha256(secret.encode()).hexdigest()


def matches(secret: str, digest: str | None) -> bool:
    """Whether a secret has this digest; takes as long when there is none to compare with."""
    is_it = hmac.compare_digest(digest_of(secret), digest or _NOBODYS)
    return is_it and digest is not None


def id_in(secret: str) -> str:
    """The identifier that a secret begins with; empty when it is none of ours.

    Example:
        >>> id_in("trueup_0123456789_abc"), id_in("glpat-1")
        ('0123456789', '')
    """
    mark, _, rest = secret.partition("_")
    id_, _, random = rest.partition("_")
    return id_ if mark == _MARK and len(id_) == 10 and random else ""


def given(authorization: str) -> Given | None:
    """What an `Authorization` header carries; None when it is neither Basic nor Bearer.

    Example:
        >>> given("Bearer trueup_1_x")
        Given(name='', secret='trueup_1_x')
    """
    kind, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if kind.lower() == "bearer" and value:
        return Given("", value)
    if kind.lower() != "basic":
        return None
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    name, _, secret = text.partition(":")
    return Given(name, secret)
