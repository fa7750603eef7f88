"""Files of other tools that hold a schema: which tool wrote one is seen by what it holds."""

from __future__ import annotations

import json
from typing import Any

from trueup.foundation.errors import UsageError
from trueup.lifecycle.data.schemas import gx, pandera
from trueup.lifecycle.data.schemas.foreign import Taken


def take(text: str, shown: str) -> Taken:
    """The schema that a file of Great Expectations or Pandera holds.

    Raises:
        UsageError: It is of neither.
    """
    tree = _tree(text, shown)
    if isinstance(tree, dict) and isinstance(tree.get("expectations"), list):
        return gx.taken(tree)
    if isinstance(tree, dict) and isinstance(tree.get("columns"), dict):
        return pandera.taken(tree)
    raise _unknown(shown, "it holds neither a suite of checks nor columns")


def _tree(text: str, shown: str) -> Any:
    import yaml

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _unknown(shown, "it is neither JSON nor YAML") from error


def _unknown(shown: str, why: str) -> UsageError:
    return UsageError(
        "schema-foreign",
        f"{shown} is no suite of Great Expectations and no schema of Pandera: {why}.",
        hint="trueup explain schema-foreign",
    )
