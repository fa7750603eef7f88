"""What is kept of passwords. Pure functions, but for chance."""

from __future__ import annotations

import base64
import hmac
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from hashlib import scrypt
from typing import Final

from trueup.foundation.errors import UsageError

SHORTEST: Final = 12
_LONGEST: Final = 1000

# A password is guessed, a token is not: 16 MiB and a tenth of a second are what a guess costs.
_COST, _BLOCK, _TIMES = 1 << 14, 8, 5
_SALT: Final = 16


def check_password(password: str) -> None:
    """Refuse a password that is easily guessed, or too long to be one.

    Raises:
        UsageError: It is.
    """
    if not SHORTEST <= len(password) <= _LONGEST:
        raise UsageError(
            "account-malformed",
            f"A password has {SHORTEST} to {_LONGEST} characters; this one has {len(password)}.",
            hint="trueup people list",
        )


def hashed(password: str) -> str:
    """What is kept of a password: how it was made, the salt, and what came out."""
    salt = os.urandom(_SALT)
    made = _made(password, salt, _COST, _BLOCK, _TIMES)
    return f"scrypt${_COST}${_BLOCK}${_TIMES}${_text(salt)}${_text(made)}"


def matches(password: str, kept: str | None) -> bool:
    """Whether this is the password; takes as long when there is none to compare with."""
    known = kept or _NOBODYS
    _, cost, block, times, salt, made = known.split("$")
    wanted = base64.b64decode(made)
    if len(password) > _LONGEST:
        return False
    found = _made(password, base64.b64decode(salt), int(cost), int(block), int(times))
    return hmac.compare_digest(found, wanted) and kept is not None


def _made(password: str, salt: bytes, cost: int, block: int, times: int) -> bytes:
    most = 2 * 128 * cost * block
    raw = password.encode("utf-8", "surrogatepass")
    make = partial(scrypt, raw, salt=salt, n=cost, r=block, p=times, maxmem=most, dklen=32)
    return _few().submit(make).result()


@cache
def _few() -> ThreadPoolExecutor:
    """Two threads: many log-ins at once, on many, would each keep the memory of one for good."""
    return ThreadPoolExecutor(2, "trueup-passwords")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


_NOBODYS: Final = f"scrypt${_COST}${_BLOCK}${_TIMES}${_text(bytes(_SALT))}${_text(bytes(32))}"
