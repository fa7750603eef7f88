"""Reading references from a command line: `run:7k3f9q` and plain `7k3f9q` name the same run."""

from __future__ import annotations

from trueup.foundation.errors import UsageError
from trueup.foundation.references import Reference, parse

_WORDS = {
    "alert": "an alert",
    "approval": "an approval",
    "data": "a snapshot of data",
    "deployment": "a deployment",
    "event": "an event",
    "feature": "a feature definition",
    "goal": "a goal",
    "model": "a model version",
    "plan": "a plan",
    "prediction": "a prediction",
    "release": "a release",
    "run": "a run",
    "verdict": "a verdict",
}


def _is_odd(text: str) -> bool:
    """Whether it has a model name with spaces or other signs, which clients may register."""
    name = text.removeprefix("model:").partition("@")[0]
    return ":" not in name and (" " in name.strip() or not name.isascii())


def of_kind(text: str, kind: str) -> Reference:
    """The reference that `text` means where only things of one kind make sense.

    Raises:
        UsageError: It is no reference, or one of another kind.
    """
    if kind == "model" and _is_odd(text):
        name, _, selector = text.removeprefix("model:").partition("@")
        return Reference(kind=kind, name=name, selector=selector)
    reference = parse(text if ":" in text.partition("@")[0] else f"{kind}:{text}")
    if reference.kind != kind:
        raise UsageError(
            "reference-kind",
            f"'{text}' names {_WORDS[reference.kind]}; this command takes {_WORDS[kind]}.",
            hint=f"trueup why {reference}",
        )
    return reference
