"""Root without its right to pass over permissions, so that tests of them prove something in CI."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_VERSION = 0x20080522  # of linux/capability.h: two words of capabilities
_OVERRIDES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH


@contextmanager
def of_a_user() -> Iterator[None]:
    """Files can be read and written by this thread as their permissions say, by root, too."""
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root may read and write everything")
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    _checked(libc.capget(header, sets))
    before = sets[0]
    sets[0] = before & ~_OVERRIDES
    _checked(libc.capset(header, sets))
    try:
        yield
    finally:
        sets[0] = before
        _checked(libc.capset(header, sets))


def _checked(code: int) -> None:
    if code:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
