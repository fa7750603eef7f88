"""Whether work waits for a disk or a network, so that several threads would get on faster.

Calls of a few microseconds take twice as long when threads hand the interpreter to each other in
between, so small files are read and written by one thread until the system makes it wait.
"""

from __future__ import annotations

import resource
from typing import Final

# Whose waiting is counted: this thread's, where the system tells.
_WHO: Final = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


def waits() -> int:
    """How often this thread has given up the processor to wait for something."""
    return resource.getrusage(_WHO).ru_nvcsw
