"""Decisions of tracking: what a key, a value and a name may be. Pure functions."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from trueup.foundation.errors import ConflictError, UsageError
from trueup.lifecycle.runs.tracking.records import Life

KEY: Final = 250
PARAM: Final = 6000
TAG: Final = 8000
EXPERIMENT_TAG: Final = 20_000
EXPERIMENT_NAME: Final = 500
# MLflow's clients say nothing between two epochs; those that beat ask for a shorter lease.
LEASE_MS: Final = 60 * 60 * 1000

_RUN_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}", re.ASCII)
_KEY = re.compile(r"[/\w.\- :]*")

_ADJECTIVES: Final = (
    *("able", "amber", "brave", "brisk", "calm", "clear", "clever", "crisp", "eager", "early"),
    *("fair", "fleet", "fond", "frank", "gentle", "glad", "grand", "keen", "kind", "lively"),
    *("lucid", "merry", "mild", "neat", "noble", "plain", "proud", "quick", "quiet", "rapid"),
    *("sage", "sharp", "silent", "smooth", "sound", "steady", "still", "swift", "true", "warm"),
)
_NOUNS: Final = (
    *("badger", "beetle", "bison", "crane", "curlew", "dipper", "eagle", "falcon", "finch", "fox"),
    *("gannet", "grebe", "hare", "heron", "ibex", "jay", "kestrel", "lark", "linnet", "lynx"),
    *("marten", "merlin", "newt", "osprey", "otter", "owl", "plover", "puffin", "raven", "robin"),
    *("seal", "shrew", "snipe", "stork", "swan", "swift", "tern", "thrush", "vole", "wren"),
)


def name_of(run_id: str) -> str:
    """A name for a run that was given none; the same for the same identifier.

    Example:
        >>> name_of("0" * 32)
        'able-badger-0'
    """
    number = int.from_bytes(run_id.encode()[:8], "big") if not _is_hex(run_id) else int(run_id, 16)
    number, adjective = divmod(number, len(_ADJECTIVES))
    number, noun = divmod(number, len(_NOUNS))
    return f"{_ADJECTIVES[adjective]}-{_NOUNS[noun]}-{number % 1000}"


def check_run_id(run_id: str) -> None:
    """Refuse what can be no identifier of a run.

    Raises:
        UsageError: It is none.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise UsageError(
            "tracked-run-id-malformed",
            f"'{run_id[:100]}' can be no identifier of a run.",
            hint="trueup runs list",
            context={"parameter": "run_id", "value": run_id[:300]},
        )


def check_key(key: str, kind: str) -> None:
    """Refuse a name of a parameter, tag or metric that no page or path could show.

    Raises:
        UsageError: It is too long, has other characters than `/ _ - . :`, spaces, letters and
            digits, or reads as a path that leaves its folder.
    """
    if not 0 < len(key) <= KEY or not _is_name(key):
        raise UsageError(
            "tracked-key-malformed",
            f"'{key[:300]}' can be no name of a {kind}: it may have up to {KEY} letters, digits, "
            "spaces and / _ - . : and may not read as a path out of its folder.",
            hint="trueup explain tracked-key-malformed",
            context={"kind": kind, "key": key[:300]},
        )


def check_value(key: str, value: str, kind: str, limit: int) -> None:
    """Refuse a value that is too long.

    Raises:
        UsageError: It is.
    """
    if len(value) > limit:
        raise UsageError(
            "tracked-value-too-long",
            f"The value of {kind} '{key[:100]}' has {len(value)} characters; {limit} are allowed.",
            hint="log it as an artifact",
            context={"kind": kind, "key": key[:300], "length": len(value), "limit": limit},
        )


def check_params(run_id: str, known: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Refuse a parameter that would change.

    Raises:
        ConflictError: One has another value already.
    """
    changed = {
        key: (known[key], value)
        for key, value in given.items()
        if key in known and known[key] != value
    }
    if changed:
        key, (before, after) = next(iter(changed.items()))
        raise ConflictError(
            "tracked-param-set",
            f"Parameter '{key}' of run {run_id} is '{before[:100]}' and can't become "
            f"'{after[:100]}': parameters of a run never change.",
            hint="log it under another name, or start a new run",
            context={
                "run": run_id,
                "changed": [[key, *values] for key, values in changed.items()],
            },
        )


def check_active(run_id: str, life: Life) -> None:
    """Refuse to change a deleted run.

    Raises:
        ConflictError: It is deleted.
    """
    if life != "active":
        raise ConflictError(
            "tracked-run-deleted",
            f"Run {run_id} is deleted.",
            hint="restore it first",
            context={"run": run_id, "life": life},
        )


def _is_hex(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9a-f]+", text))


@lru_cache(maxsize=8192)  # the same few come with every step: a sixth of a batch's time
def _is_name(key: str) -> bool:
    clean = posixpath.normpath(key)
    leaves = clean == "." or clean.startswith(("..", "/"))
    return bool(_KEY.fullmatch(key)) and clean == key and not leaves
