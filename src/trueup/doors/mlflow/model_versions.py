"""Endpoints of model versions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from trueup.doors.mlflow import artifacts, layouts, wire
from trueup.doors.mlflow.answers import Stream
from trueup.doors.mlflow.asking import Call, missing
from trueup.doors.mlflow.failures import Refusal

if TYPE_CHECKING:
    from trueup.lifecycle.models.registry.records import RegisteredVersion

PAGE: Final = 10_000
MOST: Final = 200_000
_STRICT: Final = (3, 17)  # since then clients name the run or model that a source belongs to


def create(call: Call) -> dict[str, Any]:
    """Register what is at a URI as the next version."""
    source = call.filled("source")
    run, model = _given(call, "run_id"), _given(call, "model_id")
    if (0, 0) < call.client < _STRICT and run is None and model is None:
        run, model = _implied(source)
    made = call.workspace.versions.create(
        call.actor,
        call.filled("name"),
        source,
        run=run,
        logged_model=model,
        run_link=call.text("run_link", default=""),
        description=call.text("description", default=""),
        tags=call.words("tags"),
    )
    return {"model_version": shape(made)}


def get(call: Call) -> dict[str, Any]:
    """One version."""
    return {"model_version": shape(_found(call))}


def update(call: Call) -> dict[str, Any]:
    """Change the words about a version."""
    words = _given(call, "description")
    name = call.filled("name")
    changed = call.workspace.versions.describe(call.actor, name, number(call), words)
    return {"model_version": shape(changed)}


def delete(call: Call) -> dict[str, Any]:
    """Take a version out of every list."""
    call.workspace.versions.delete(call.actor, call.filled("name"), number(call))
    return {}


def search(call: Call) -> dict[str, Any]:
    """One page of versions."""
    found, token = call.workspace.versions.search(
        call.actor,
        filter_=call.text("filter", default=""),
        order=call.texts("order_by"),
        limit=call.whole("max_results", PAGE, low=1, high=MOST),
        token=call.text("page_token", default=""),
    )
    return wire.listed("model_versions", (shape(each) for each in found), token)


def download_uri(call: Call) -> dict[str, Any]:
    """The URI below which a version's files are."""
    return {"artifact_uri": layouts.uri(_found(call).location)}


def file(call: Call) -> Stream:
    """One file of a version."""
    return artifacts.reading(call, layouts.uri(_found(call).location), call.filled("path"))


def transition(call: Call) -> dict[str, Any]:
    """Put a version into a stage."""
    moved = call.workspace.aliases.transition(
        call.actor,
        call.filled("name"),
        number(call),
        call.filled("stage"),
        archive=call.flag("archive_existing_versions"),
    )
    return {"model_version": shape(moved)}


def set_tag(call: Call) -> dict[str, Any]:
    """Set one tag."""
    name, version = call.filled("name"), number(call)
    tags = {call.filled("key"): call.text("value", default="")}
    call.workspace.versions.tag(call.actor, name, version, tags)
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """Take one tag away."""
    key = call.filled("key")
    call.workspace.versions.untag(call.actor, call.filled("name"), number(call), key)
    return {}


def number(call: Call) -> int:
    """The version that a request names.

    Raises:
        Refusal: It names none, or it is no number.
    """
    given = call.given.get("version")
    if given is None or given == "":
        raise missing("version")
    text = str(given)
    if isinstance(given, bool | float) or not text.isdecimal() or not text.isascii():
        raise Refusal(
            "INVALID_PARAMETER_VALUE",
            f"Parameter 'version' must be an integer, got '{text[:100]}'.",
        )
    return int(text) if len(text) < 10 else 0  # no version has so many digits; 0 never is one


def canonical(text: str) -> str:
    """The stage that a text means.

    Raises:
        UsageError: There is no such stage.
    """
    from trueup.lifecycle.models.aliases import rules

    return rules.canonical(text)


def shape(found: RegisteredVersion) -> dict[str, Any]:
    """A version on the wire."""
    return wire.lean(
        {
            "name": found.model,
            "version": str(found.version),
            "creation_timestamp": milliseconds(found.registered_at),
            "last_updated_timestamp": milliseconds(found.updated_at),
            "user_id": found.registered_by,
            "current_stage": found.stage or "None",
            "description": found.description or None,
            "source": found.source,
            "run_id": found.run or None,
            "status": "READY",
            "tags": wire.words(found.tags),
            "run_link": found.run_link or None,
            "aliases": list(found.aliases),
            "model_id": found.logged_model or None,
        }
    )


def milliseconds(moment: datetime) -> int:
    """A moment as the clients know it."""
    return round(moment.timestamp() * 1000)


def _found(call: Call) -> RegisteredVersion:
    return call.workspace.versions.show(call.actor, call.filled("name"), number(call))


def _given(call: Call, name: str) -> str | None:
    return None if call.given.get(name) is None else call.text(name)


def _implied(source: str) -> tuple[str | None, str | None]:
    """The run or logged model that a source names itself."""
    split = urlsplit(source)
    named = split.path.strip("/").partition("/")
    if split.scheme == "runs":
        return named[0], None
    if split.scheme == "models" and named[0].startswith("m-") and not named[2]:
        return None, named[0]
    return None, None
