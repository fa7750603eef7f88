"""Errors as MLflow's clients know them: a name, a message in their words, and a status.

A client retries 429 and every 5xx for minutes, so what would fail again must never get one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from trueup.doors.mlflow.answers import Header
from trueup.foundation.errors import (
    BackendError,
    ConflictError,
    DeniedError,
    GateFailedError,
    NotFoundError,
    TrueupError,
    UsageError,
)

STATUS: Final[Mapping[str, int]] = {
    "INVALID_PARAMETER_VALUE": 400,
    "BAD_REQUEST": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "NOT_FOUND": 404,
    "RESOURCE_CONFLICT": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL_ERROR": 500,
    "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
}


class Refusal(Exception):
    """A request that is refused, in the wire's own words.

    Args:
        name: One of `STATUS`.
        message: What clients show, and sometimes look into.
        status: When it is not the usual one of the name.
        headers: What is said before the words, besides what always is.
    """

    def __init__(
        self, name: str, message: str, status: int = 0, headers: tuple[Header, ...] = ()
    ) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.status = status or STATUS[name]
        self.headers = headers


def refusal_of(error: TrueupError) -> Refusal:
    """One of our errors as a client knows it."""
    message = error.message
    if (rephrase := _WORDS.get(error.code)) is not None:
        message = rephrase(error.context)
    elif error.hint:
        message = f"{message} ({error.hint})"
    return Refusal(_NAMES.get(error.code) or _name(error), message)


def _name(error: TrueupError) -> str:
    match error:
        case NotFoundError():
            return "RESOURCE_DOES_NOT_EXIST"
        case DeniedError() | GateFailedError():
            return "PERMISSION_DENIED"
        case UsageError() | ConflictError():
            return "INVALID_PARAMETER_VALUE"
        case BackendError():
            return "TEMPORARILY_UNAVAILABLE"
    return "INTERNAL_ERROR"


_NAMES: Final = {
    "experiment-exists": "RESOURCE_ALREADY_EXISTS",
    "model-exists": "RESOURCE_ALREADY_EXISTS",
    "person-exists": "RESOURCE_ALREADY_EXISTS",
    "password-wrong": "INVALID_PARAMETER_VALUE",
    "alias-not-found": "INVALID_PARAMETER_VALUE",
    "sign-in-needed": "UNAUTHENTICATED",
    "sign-in-limited": "RESOURCE_EXHAUSTED",
}

_KINDS: Final = {"model": "Registered Model", "prompt": "Prompt"}

# Code of ours -> the same in the words that clients and their tests look for.
_WORDS: Final[Mapping[str, Callable[[dict[str, Any]], str]]] = {
    "model-not-found": lambda c: (
        f"Model Version (name={c['name']}, version={c['version']}) not found"
        if "version" in c
        else f"Registered Model with name={c['name']} not found"
    ),
    "model-exists": lambda c: (
        f"{_KINDS[c['wanted']]} (name={c['name']}) already exists."
        if c["is"] == c["wanted"]
        else f"Tried to create a {_KINDS[c['wanted']].lower()} with name {c['name']!r}, but the "
        f"name is already taken by a {_KINDS[c['is']].lower()}. MLflow does not allow creating a "
        "model and a prompt with the same name."
    ),
    "alias-not-found": lambda c: f"Registered model alias {c['alias']} not found.",
    **dict.fromkeys(
        ("model-name", "model-tag", "model-source", "alias-malformed"), lambda c: str(c["words"])
    ),
    "person-exists": lambda c: f"User (username={c['person']}) already exists.",
    "person-not-found": lambda c: f"User with username={c['person']} not found",
    "webhook-not-found": lambda c: f"Webhook with ID {c['webhook']} not found.",
    "logged-model-not-found": lambda c: f"Logged model with ID '{c['model']}' not found.",
    "logged-model-name": lambda c: (
        f"Invalid model name ({c['name']!r}) provided. Model name must be a non-empty string and "
        f"cannot contain the following characters: {tuple(c['bad'])}"
    ),
    "tag-not-found": lambda c: (
        f"No tag with key {c['key']!r} found for model with ID {c['model']!r}."
    ),
    "trace-not-found": lambda c: (
        f"Assessment with ID '{c['assessment']}' not found for trace '{c['trace']}'."
        if "assessment" in c
        else f"No trace tag with key '{c['key']}' found for trace with ID '{c['trace']}'."
        if "key" in c
        else f"Trace with ID '{c['trace']}' not found."
    ),
    "tracked-run-not-found": lambda c: f"Run with id={c['run']} not found",
    "experiment-not-found": lambda c: (
        f"No Experiment with id={c['experiment']} exists"
        if "experiment" in c
        else f"Could not find experiment with name '{c['name']}'"
    ),
    "experiment-exists": lambda c: (
        f"Experiment '{c['name']}' already exists"
        + (
            " in deleted state. You can restore the experiment, or permanently delete it to "
            "create a new one."
            if c["deleted"]
            else "."
        )
    ),
    "filter-malformed": lambda c: c["said"],
    "page-token-malformed": lambda _: "Invalid page token, it does not belong to this search",
    "tracked-tag-not-found": lambda c: f"No tag with name: {c['key']} in {c['whose']}",
    "tracked-run-deleted": lambda c: (
        f"The run {c['run']} must be in the 'active' state. Current state is {c['life']}."
    ),
    "experiment-deleted": lambda c: (
        f"The experiment {c['experiment']} must be in the 'active' state. "
        f"Current state is {c['life']}."
    ),
    "tracked-run-id-malformed": lambda c: (
        f"Invalid value {c['value']!r} for parameter 'run_id' supplied."
    ),
    "tracked-param-set": lambda c: (
        "Changing param values is not allowed. Params were already logged="
        + str([{"key": k, "old_value": a, "new_value": b} for k, a, b in c["changed"]])
        + f" for run ID='{c['run']}'."
    ),
    "tracked-path-malformed": lambda c: f"Invalid path: {c['path']}",
    "tracked-file-not-found": lambda c: f"No such artifact: '{c['path']}'",
    "tracked-key-malformed": lambda c: (
        f"Invalid value {c['key']!r} for parameter '{c['kind']} name' supplied: Names may only "
        "contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) "
        "and slashes (/), at most 250 of them, and read as a clean relative path."
    ),
    "tracked-value-too-long": lambda c: (
        f"Invalid value for {c['kind']} '{c['key']}': it exceeds the maximum length of "
        f"{c['limit']} characters (it has {c['length']})."
    ),
}
