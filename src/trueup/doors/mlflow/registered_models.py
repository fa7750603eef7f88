"""Endpoints of registered models and their aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trueup.doors.mlflow import model_versions, wire
from trueup.doors.mlflow.asking import Call
from trueup.doors.mlflow.model_versions import milliseconds, number

if TYPE_CHECKING:
    from trueup.lifecycle.models.registry.records import RegisteredModel

PAGE: Final = 100
MOST: Final = 1000


def create(call: Call) -> dict[str, Any]:
    """Make a name."""
    made = call.workspace.registry.create(
        call.actor,
        call.filled("name"),
        description=call.text("description", default=""),
        tags=call.words("tags"),
    )
    return {"registered_model": shape(made)}


def get(call: Call) -> dict[str, Any]:
    """One name."""
    return {
        "registered_model": shape(call.workspace.registry.show(call.actor, call.filled("name")))
    }


def update(call: Call) -> dict[str, Any]:
    """Change the words about a name."""
    name, words = call.filled("name"), call.text("description", default="")
    return {"registered_model": shape(call.workspace.registry.describe(call.actor, name, words))}


def rename(call: Call) -> dict[str, Any]:
    """Give a model another name."""
    name, new = call.filled("name"), call.filled("new_name")
    return {"registered_model": shape(call.workspace.registry.rename(call.actor, name, new))}


def delete(call: Call) -> dict[str, Any]:
    """Take a name and its versions out of every list."""
    call.workspace.registry.delete(call.actor, call.filled("name"))
    return {}


def search(call: Call) -> dict[str, Any]:
    """One page of registered models."""
    found, token = call.workspace.registry.search(
        call.actor,
        filter_=call.text("filter", default=""),
        order=call.texts("order_by"),
        limit=call.whole("max_results", PAGE, low=1, high=MOST),
        token=call.text("page_token", default=""),
    )
    return wire.listed("registered_models", (shape(each) for each in found), token)


def latest(call: Call) -> dict[str, Any]:
    """The newest version in each stage, or in some."""
    name = call.filled("name")
    stages = {model_versions.canonical(each) for each in call.texts("stages")}
    found = call.workspace.registry.latest(call.actor, name)
    return wire.listed(
        "model_versions",
        (model_versions.shape(each) for each in found if not stages or each.stage in stages),
    )


def set_tag(call: Call) -> dict[str, Any]:
    """Set one tag."""
    name = call.filled("name")
    tags = {call.filled("key"): call.text("value", default="")}
    call.workspace.registry.tag(call.actor, name, tags)
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """Take one tag away."""
    call.workspace.registry.untag(call.actor, call.filled("name"), call.filled("key"))
    return {}


def set_alias(call: Call) -> dict[str, Any]:
    """Point an alias at a version."""
    name, alias = call.filled("name"), call.filled("alias")
    call.workspace.aliases.set(call.actor, name, alias, number(call))
    return {}


def delete_alias(call: Call) -> dict[str, Any]:
    """Take an alias away."""
    call.workspace.aliases.remove(call.actor, call.filled("name"), call.filled("alias"))
    return {}


def get_alias(call: Call) -> dict[str, Any]:
    """The version that an alias points at."""
    name, alias = call.filled("name"), call.filled("alias")
    found = call.workspace.aliases.find(call.actor, name, alias)
    return {"model_version": model_versions.shape(found)}


def shape(found: RegisteredModel) -> dict[str, Any]:
    """A registered model on the wire."""
    return wire.lean(
        {
            "name": found.name,
            "creation_timestamp": milliseconds(found.created_at),
            "last_updated_timestamp": milliseconds(found.updated_at),
            "description": found.description or None,
            "latest_versions": [model_versions.shape(each) for each in found.latest],
            "tags": wire.words(found.tags),
            "aliases": [
                {"alias": alias, "version": str(version)}
                for alias, version in found.aliases.items()
            ],
        }
    )
