"""What a limited token lets its person do. Pure functions.

A scope is `predict:DEPLOYMENT`, `feedback:DEPLOYMENT` or `metrics`; `*` stands for every
deployment. A limited token reaches nothing else, whichever door it is shown at, and never more than
its person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from trueup.foundation.errors import UsageError
from trueup.foundation.permissions import Permission
from trueup.foundation.text import did_you_mean

_OF_A_DEPLOYMENT: Final[dict[str, frozenset[Permission]]] = {
    # Who asks a model may also read what it takes.
    "predict": frozenset({"predictions.create", "read"}),
    "feedback": frozenset({"feedback.create"}),
}
_OF_ALL: Final[dict[str, frozenset[Permission]]] = {"metrics": frozenset({"metrics.read"})}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}|\*")


def allows(scopes: Iterable[str], permission: Permission, deployment: str = "") -> bool:
    """Whether these scopes allow something; about a deployment, where one is named.

    Example:
        >>> allows(["predict:clinic"], "predictions.create", "clinic")
        True
        >>> allows(["predict:clinic"], "predictions.create", "lab"), allows(["predict:*"], "read")
        (False, False)
    """
    for scope in scopes:
        verb, _, name = scope.partition(":")
        if permission in _OF_ALL.get(scope, ()):
            return True
        if (
            deployment
            and name in (deployment, "*")
            and permission in _OF_A_DEPLOYMENT.get(verb, ())
        ):
            return True
    return False


def checked(scopes: Iterable[str]) -> tuple[str, ...]:
    """Scopes as they are kept: each once, in order.

    Raises:
        UsageError: One is none.
    """
    for scope in scopes:
        verb, _, name = scope.partition(":")
        if scope in _OF_ALL or (verb in _OF_A_DEPLOYMENT and _NAME.fullmatch(name)):
            continue
        known = [*_OF_A_DEPLOYMENT, *_OF_ALL]
        raise UsageError(
            "token-scope-unknown",
            f"'{scope[:100]}' is no scope of a token: it is predict:DEPLOYMENT, "
            f"feedback:DEPLOYMENT or metrics.{did_you_mean(verb[:100], known)}",
            hint="trueup people token add NAME --scope predict:DEPLOYMENT",
        )
    return tuple(sorted(set(scopes)))
