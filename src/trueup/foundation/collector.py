"""How often Python looks for garbage in circles: seldom while a command starts, else as usual.

Imports make many objects that stay, and the collector looks through them again and again: a tenth
of the start. A command has ended before its own circles matter. What lives long, or runs the
user's code, goes back to the usual pace, for a circle may hold gigabytes.
"""

from __future__ import annotations

import gc
from typing import Final

_USUAL: Final = gc.get_threshold()
_YOUNG: Final = 100_000


def seldom() -> None:
    """Let a hundred thousand new objects gather before looking."""
    gc.set_threshold(_YOUNG)


def as_usual() -> None:
    """Look as often as Python does by itself."""
    gc.set_threshold(*_USUAL)
