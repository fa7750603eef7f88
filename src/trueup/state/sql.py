"""SQLAlchemy as `sa`, imported when a statement is first built with it: that costs 0.3 s.

For modules of commands that get by with the driver (`driver.py`) most of the time; all others
import it as usual. Decision 0009 says what it buys.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa
else:

    class _Deferred:
        def __getattr__(self, name: str) -> Any:
            value = getattr(importlib.import_module("sqlalchemy"), name)
            self.__dict__[name] = value  # asked once
            return value

    sa = _Deferred()

__all__ = ["full", "sa"]


def full(connection: sa.Connection) -> sa.Connection:
    """What SQLAlchemy itself takes for a connection, where a stand-in for one will not do."""
    return connection.execution_options()
