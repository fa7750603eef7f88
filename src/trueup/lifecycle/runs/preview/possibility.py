"""Keys with inputs still to come: whether a kept result could fit, whatever they turn out to be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from trueup.foundation import digests
from trueup.lifecycle.pipeline import keys
from trueup.lifecycle.pipeline.records import Components

_LOOKED_AT: Final = 64  # of the kept results, the newest


def some_fit(
    kept: Iterable[Components], found: Components, open_: Collection[str], over: Sequence[str]
) -> bool:
    """Whether a kept result may turn out to be the one, once what is open is known.

    Args:
        kept: What the kept results of the step were made of.
        found: What the key of the call is made of, as far as it is known.
        open_: Names of the inputs still to come.
        over: The arguments whose items the step goes over.
    """
    wanted = _blurred(found, open_, over)
    return any(_blurred(each, open_, over) == wanted and _fits(each, found) for each in kept)


def explained(
    kept: Sequence[Components], found: Components, open_: Collection[str], over: Sequence[str]
) -> tuple[str, ...]:
    """Why no result fits, whatever is still to come: told by the one that differs least."""
    if not kept:
        return ("it has not run before",)
    return min((_told(before, found, open_, over) for before in kept[:_LOOKED_AT]), key=len)


def _told(
    before: Components, found: Components, open_: Collection[str], over: Sequence[str]
) -> tuple[str, ...]:
    as_before = msgspec.structs.replace(
        found,
        parameters=_with(found.parameters, before.parameters, open_, over),
        inputs=_with(found.inputs, before.inputs, open_, over),
        packages={**before.packages, **found.packages},
    )
    return tuple(keys.explain(before, as_before))


def _blurred(of: Components, open_: Collection[str], over: Sequence[str]) -> str:
    """What is left of a key when the inputs still to come, and with them their libraries, are not
    looked at."""
    return digests.of_record(
        msgspec.structs.replace(
            of,
            parameters=_without(of.parameters, open_, over),
            inputs=_without(of.inputs, open_, over),
            packages={},
        )
    )


def _fits(kept: Components, found: Components) -> bool:
    """Whether a value still to come may bring the libraries that a kept key has besides."""
    return found.packages.items() <= kept.packages.items()


def _without(
    values_: Mapping[str, Any], open_: Collection[str], over: Sequence[str]
) -> dict[str, Any]:
    return {
        name: value
        for name, value in values_.items()
        if name not in open_ and name.partition(".")[0] not in over
    }


def _with(
    now: Mapping[str, Any], before: Mapping[str, Any], open_: Collection[str], over: Sequence[str]
) -> dict[str, Any]:
    """`now`, but what is open, and below a list, as it was before."""
    same = _without(before, open_, over)
    return _without(now, open_, over) | {n: v for n, v in before.items() if n not in same}
