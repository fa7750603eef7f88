"""Pools of threads, made where they are needed.

Python's own module of them brings logging along, 5 ms of the start of every command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor


def pool(threads: int, name: str = "") -> ThreadPoolExecutor:
    """So many threads; use it in a `with` block, or shut it down.

    Args:
        threads: How many at most; each starts when there is work for it.
        name: What their names begin with.

    Example:
        >>> with pool(2) as threads:
        ...     list(threads.map(abs, [-1, 2]))
        [1, 2]
    """
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(threads, thread_name_prefix=name)
