"""Endpoints of web hooks. A secret is taken and never given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from trueup.doors.mlflow import wire
from trueup.doors.mlflow.asking import Call, invalid
from trueup.doors.mlflow.model_versions import milliseconds

if TYPE_CHECKING:
    from trueup.lifecycle.models.webhooks.records import HookState, Webhook

PAGE: Final = 100
MOST: Final = 1000
_STATES: Final = {"ACTIVE": "active", "DISABLED": "disabled"}


def create(call: Call) -> dict[str, Any]:
    """Tell an address of changes from now on."""
    made = call.workspace.webhooks.add(
        call.actor,
        call.filled("name"),
        call.filled("url"),
        _events(call),
        description=call.text("description", default=""),
        secret=call.text("secret", default=""),
        state=_state(call) or "active",
    )
    return {"webhook": shape(made)}


def list_(call: Call) -> dict[str, Any]:
    """One page of web hooks, the newest first."""
    found, token = call.workspace.webhooks.known(
        call.actor,
        call.whole("max_results", PAGE, low=0, high=MOST) or PAGE,
        call.text("page_token", default=""),
    )
    return wire.listed("webhooks", (shape(each) for each in found), token)


def get(call: Call) -> dict[str, Any]:
    """One web hook."""
    return {"webhook": shape(call.workspace.webhooks.show(call.actor, call.path["webhook_id"]))}


def update(call: Call) -> dict[str, Any]:
    """Change what is given; an empty secret takes the signature away."""
    changed = call.workspace.webhooks.change(
        call.actor,
        call.path["webhook_id"],
        name=call.text("name", default="") or None,
        url=call.text("url", default="") or None,
        events=_events(call) or None,
        description=_given(call, "description"),
        secret=_given(call, "secret"),
        state=_state(call),
    )
    return {"webhook": shape(changed)}


def delete(call: Call) -> dict[str, Any]:
    """Tell an address nothing any more."""
    call.workspace.webhooks.remove(call.actor, call.path["webhook_id"])
    return {}


def test(call: Call) -> dict[str, Any]:
    """Tell a web hook a made-up event, and say how it answered."""
    asked = call.object("event")
    event = _event(asked) if asked is not None else ""
    answer = call.workspace.webhooks.test(call.actor, call.path["webhook_id"], event)
    words: dict[str, Any] = {"success": not answer.error, "response_status": answer.status}
    if answer.status is None:
        words["error_message"] = answer.error
    else:
        words["response_body"] = answer.body
    return {"result": wire.lean(words)}


def shape(found: Webhook) -> dict[str, Any]:
    """A web hook on the wire; with what MLflow's own does not tell about how it stands."""
    return wire.lean(
        {
            "webhook_id": found.id,
            "name": found.name,
            "url": found.url,
            "events": [
                dict(zip(("entity", "action"), event.upper().split("."), strict=True))
                for event in found.events
            ],
            "description": found.description or None,
            "status": found.state.upper(),
            "creation_timestamp": milliseconds(found.created_at),
            "last_updated_timestamp": milliseconds(found.updated_at),
            "waiting_deliveries": found.waiting,
            "consecutive_failures": found.failures,
            "last_error": found.last_error or None,
        }
    )


def _events(call: Call) -> list[str]:
    return [_event(each) for each in call.objects("events")]


def _event(said: Call) -> str:
    return f"{said.filled('entity')}.{said.filled('action')}".lower()


def _state(call: Call) -> HookState | None:
    said = call.text("status", default="")
    if said and said not in _STATES:
        raise invalid("status", said)
    return cast("HookState | None", _STATES.get(said))


def _given(call: Call, name: str) -> str | None:
    return None if call.given.get(name) is None else call.text(name)
