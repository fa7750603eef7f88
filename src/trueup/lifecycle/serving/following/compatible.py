"""Whether a model takes and gives what the callers of a deployment are used to. A pure rule."""

from __future__ import annotations

from trueup.foundation.errors import ConflictError
from trueup.foundation.text import listing
from trueup.lifecycle.models.records import Signature


def changes(before: Signature, after: Signature) -> list[str]:
    """What would break a caller of the one who is answered by the other, in words.

    Example:
        >>> from trueup.lifecycle.models.records import Column
        >>> one = Signature(inputs=(Column(name="hour", kind="integer"),))
        >>> changes(one, Signature(inputs=(Column(name="hour", kind="text"),)))
        ["'hour' is text and was integer"]
    """
    old = {column.name: column for column in before.inputs}
    new = {column.name: column for column in after.inputs}
    found = [f"'{name}' is asked for and was not" for name in new if name not in old]
    found += [f"'{name}' is taken no more" for name in old if name not in new]
    for name in [name for name in new if name in old]:
        if new[name].kind != old[name].kind:
            found.append(f"'{name}' is {new[name].kind} and was {old[name].kind}")
        elif old[name].nullable and not new[name].nullable:
            found.append(f"'{name}' may not be missing and might")
    if after.task != before.task:
        found.append(f"it answers {after.task} and answered {before.task}")
    elif after.classes != before.classes:
        found.append(f"its classes are {_few(after.classes)} and were {_few(before.classes)}")
    elif after.levels != before.levels:
        found.append(f"its levels are {_few(after.levels)} and were {_few(before.levels)}")
    return found


def check(deployment: str, before: str, old: Signature, after: str, new: Signature) -> None:
    """Refuse a version that callers of the one before it could not use unchanged.

    Raises:
        ConflictError: Naming what changed.
    """
    found = changes(old, new)
    if found:
        raise ConflictError(
            "signature-changed",
            f"{after} does not fit what callers of '{deployment}' send to {before}: "
            f"{'; '.join(found[:5])}{f' and {len(found) - 5} more' if len(found) > 5 else ''}.",
            hint="trueup explain signature-changed",
            context={"deployment": deployment, "changes": found[:50]},
        )


def _few(values: tuple[object, ...]) -> str:
    return listing([str(value) for value in values[:5]])
