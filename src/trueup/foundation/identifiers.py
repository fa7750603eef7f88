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
    milliseconds = time.time_ns() // 1_000_000
    raw = bytearray(milliseconds.to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return uuid.UUID(bytes=bytes(raw))
