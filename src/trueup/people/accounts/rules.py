"""Names of accounts. Pure functions."""

from __future__ import annotations

import re
from typing import Final

from trueup.foundation.errors import UsageError
from trueup.people.rules import SERVICES

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,99}")


def check_name(name: str) -> None:
    """Refuse what can be no name of an account.

    Raises:
        UsageError: It has odd characters, is too long, or a part of Trueup is called so.
    """
    if not _NAME.fullmatch(name) or name in SERVICES:
        raise UsageError(
            "account-malformed",
            f"'{name[:100]}' can be no name of an account: use 1 to 100 letters, digits and _.@+-, "
            f"and none of {', '.join(SERVICES)}.",
            hint="trueup people list",
        )
