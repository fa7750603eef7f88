"""Which paths a file may have. Pure functions."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from trueup.foundation.errors import UsageError

LONGEST: Final = 1000
_DECODINGS: Final = 8
_ODD = re.compile(r"[\x00-\x1f\x7f#\\]|^[A-Za-z]:")
_AWAY = re.compile(r"\x00|^\s*[/\\]|^[A-Za-z]:|(^|[/\\])\s*\.\.?\s*([/\\]|$)")


def checked(path: str, *, empty: bool = False) -> str:
    """Return `path` if it can name a file below its owner.

    Args:
        path: Relative, with `/` between its parts.
        empty: Let the empty path pass, which names the whole folder.

    Raises:
        UsageError: It is absolute, leaves its folder in any decoding of `%` escapes, has empty
            parts or control characters, or is too long.

    Example:
        >>> checked("model/MLmodel")
        'model/MLmodel'
    """
    if empty and not path:
        return path
    if not _is_clean(path):
        raise _refused(path)
    reading = path
    for _ in range(_DECODINGS):
        # Clients 2.x put bare % into names, so what an escape stands for may be odd, as %17 is.
        if _AWAY.search(reading):
            raise _refused(path)
        decoded = unquote(reading, errors="replace")
        if decoded == reading:
            return path
        reading = decoded
    raise _refused(path)


def parts(path: str) -> tuple[str, str]:
    """The folder of a path, and its last part.

    Example:
        >>> parts("a/b/c"), parts("c")
        (('a/b', 'c'), ('', 'c'))
    """
    folder, _, name = path.rpartition("/")
    return folder, name


def _is_clean(path: str) -> bool:
    return (
        0 < len(path) <= LONGEST
        and not _ODD.search(path)
        and all(part.strip() not in ("", ".", "..") for part in path.split("/"))
    )


def _refused(path: str) -> UsageError:
    return UsageError(
        "tracked-path-malformed",
        f"'{path[:200]}' can be no path of a file: it must be relative, stay in its folder, and "
        f"have at most {LONGEST} characters.",
        hint="name it by letters, digits, . _ - and / between folders",
        context={"path": path[:300]},
    )
