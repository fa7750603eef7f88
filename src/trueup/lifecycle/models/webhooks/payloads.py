"""What web hooks are told of an event, in the shapes that MLflow's receivers know.

It is read from the registry in the transaction of the event: tags are as they were then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trueup.foundation.errors import NotFoundError
from trueup.lifecycle.models.registry import table
from trueup.state.eventlog import Event

if TYPE_CHECKING:
    import sqlalchemy as sa

_PROMPT_TEXT: Final = "mlflow.prompt.text"
_PROMPT_MARKS: Final = frozenset({"mlflow.prompt.is_prompt", "_mlflow_prompt_type"})
_EXAMPLE_TAGS: Final = {"example_key": "example_value"}


class Told(NamedTuple):
    """One thing to tell.

    Attributes:
        event: What happened, such as `model_version.created`.
        data: The facts.
    """

    event: str
    data: dict[str, Any]


def told(connection: sa.Connection, event: Event) -> Iterator[Told]:
    """What an event says to web hooks; often nothing."""
    if (tell := _TELLERS.get(event.type)) is not None:
        with suppress(NotFoundError):  # what came and went in one transaction is told nobody
            yield from tell(connection, event)


def example(event: str) -> dict[str, Any]:
    """The facts of a made-up event, by which a web hook is tried."""
    entity, _, action = event.partition(".")
    thing = "prompt" if entity.startswith("prompt") else "model"
    words: dict[str, Any] = {"name": f"example_{thing}"}
    if entity.endswith("_alias"):
        words["alias"] = "example_alias"
        return words | ({"version": "1"} if action == "created" else {})
    if entity.endswith("_tag"):
        if "version" in entity:
            words["version"] = "1"
        words["key"] = "example_key"
        return words | ({"value": "example_value"} if action == "set" else {})
    match entity:
        case "registered_model":
            kind = "registered model"
        case "model_version":
            kind = "model version"
            words |= {"version": "1", "source": "models:/123", "run_id": "abcd1234abcd5678"}
        case "prompt_version":
            kind = "prompt version"
            words |= {"version": "1", "template": "Hello {{name}}!"}
        case _:
            kind = "prompt"
    return words | {"tags": dict(_EXAMPLE_TAGS), "description": f"An example {kind}"}


def _made(connection: sa.Connection, event: Event) -> Iterator[Told]:
    name = event.subject.removeprefix("model:")
    found = table.models_of(connection, [name])[0]
    entity = "prompt" if found.kind == "prompt" else "registered_model"
    tags = _shown(found.tags) if found.kind == "prompt" else found.tags
    words = {"name": name, "tags": tags, "description": found.description}
    yield Told(f"{entity}.created", words)


def _registered(connection: sa.Connection, event: Event) -> Iterator[Told]:
    name, _, number = event.subject.rpartition("@")
    found = table.require_version(connection, name, int(number))
    words: dict[str, Any] = {"name": name, "version": number}
    ends = {"tags": found.tags, "description": found.description or None}
    if _is_prompt(connection, name):
        ends["tags"] = {k: v for k, v in _shown(found.tags).items() if k != _PROMPT_TEXT}
        template = found.tags.get(_PROMPT_TEXT)
        yield Told("prompt_version.created", words | {"template": template} | ends)
        return
    made = {"source": found.source, "run_id": found.run or None}
    yield Told("model_version.created", words | made | ends)


def _name_tagged(connection: sa.Connection, event: Event) -> Iterator[Told]:
    name = event.subject.removeprefix("model:")
    if _is_prompt(connection, name):  # MLflow tells nobody of tags of registered models
        tags = table.models_of(connection, [name])[0].tags
        yield from _tags("prompt_tag", {"name": name}, tags, event)


def _version_tagged(connection: sa.Connection, event: Event) -> Iterator[Told]:
    name, _, number = event.subject.rpartition("@")
    entity = "prompt_version_tag" if _is_prompt(connection, name) else "model_version_tag"
    tags = table.require_version(connection, name, int(number)).tags
    yield from _tags(entity, {"name": name, "version": number}, tags, event)


def _tags(entity: str, words: dict[str, Any], tags: dict[str, str], event: Event) -> Iterator[Told]:
    for key in event.data.get("tags", ()):
        yield Told(f"{entity}.set", words | {"key": key, "value": tags.get(key, "")})
    if (removed := event.data.get("removed")) is not None:
        yield Told(f"{entity}.deleted", words | {"key": removed})


def _alias_moved(connection: sa.Connection, event: Event) -> Iterator[Told]:
    words = _alias(event) | {"version": event.after.rpartition("@")[2]}
    yield Told(f"{_alias_of(connection, words)}.created", words)


def _alias_removed(connection: sa.Connection, event: Event) -> Iterator[Told]:
    words = _alias(event)
    yield Told(f"{_alias_of(connection, words)}.deleted", words)


def _alias(event: Event) -> dict[str, Any]:
    name, _, alias = event.subject.rpartition("@")
    return {"name": name, "alias": alias}


def _alias_of(connection: sa.Connection, words: dict[str, Any]) -> str:
    return "prompt_alias" if _is_prompt(connection, words["name"]) else "model_version_alias"


def _is_prompt(connection: sa.Connection, name: str) -> bool:
    head = table.head(connection, name)
    return head is not None and head.kind == "prompt"


def _shown(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in _PROMPT_MARKS}


_TELLERS: Final = {
    "model.created": _made,
    "model.tagged": _name_tagged,
    "model-version.registered": _registered,
    "model-version.tagged": _version_tagged,
    "alias.moved": _alias_moved,
    "alias.removed": _alias_removed,
}
TYPES: Final = frozenset(_TELLERS)
"""The events of the log that say anything to web hooks."""
