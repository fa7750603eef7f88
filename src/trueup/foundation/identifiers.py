"""Identifiers: short random ones for things people type, time-ordered ones for predictions."""

from __future__ import annotations

import os
import time
import uuid

# Crockford's base 32: no i, l, o, u, so an id can be read aloud.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def short_id(length: int = 8) -> str:
    """A random identifier for runs, releases, alerts: 40 bits at the default length."""
    return "".join(_ALPHABET[byte % 32] for byte in os.urandom(length))


def time_ordered_id() -> uuid.UUID:
    """A UUIDv7 (RFC 9562): later calls sort after earlier ones, to the millisecond."""
    return uuid.UUID(time_ordered_hex())


def time_ordered_hex() -> str:
    """The same as 32 hexadecimal digits; takes a fraction of the time.

    Example:
        >>> uuid.UUID(time_ordered_hex()).version
        7
    """
    drawn = _random_hex()
    variant = "89ab"[int(drawn[3], 16) & 3]
    return f"{time.time_ns() // 1_000_000:012x}7{drawn[:3]}{variant}{drawn[4:]}"


_DIGITS = 19  # random ones of each identifier, one of which is only partly used
_pool: list[str] = []


def _random_hex() -> str:
    """Random digits; the system is asked for many at once."""
    try:
        return _pool.pop()
    except IndexError:
        drawn = os.urandom(_DIGITS * 128).hex()
        _pool.extend(drawn[at : at + _DIGITS] for at in range(0, len(drawn), _DIGITS))
        return _pool.pop()


# A forked child must not draw what its parent draws.
os.register_at_fork(after_in_child=_pool.clear)
