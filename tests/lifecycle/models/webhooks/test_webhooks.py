"""Web hooks are told of every change of the registry: signed, in order, at least once."""

from __future__ import annotations

import base64
import hmac
import threading
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from trueup.app.automation.telling import tell_all
from trueup.app.wiring import Workspace
from trueup.foundation import clock
from trueup.foundation.actor import Actor, service
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError, UsageError
from trueup.lifecycle.models.webhooks import rules
from trueup.lifecycle.models.webhooks.records import Webhook
from trueup.state import eventlog
from trueup.state.leases import Lease

from .conftest import ALLOWED, PLAN, Receiver

DATABASES = ("sqlite", "postgresql")
PROMPT = {"mlflow.prompt.is_prompt": "true"}
AUTOMATION = service("automation")
NEVER = threading.Event()


def hook(workspace: Workspace, receiver: Receiver, *events: str, **more: Any) -> Webhook:
    wanted = events or rules.EVENTS
    return workspace.webhooks.add(workspace.owner, "ci", receiver.url, wanted, **more)


def tell(workspace: Workspace) -> None:
    """One round of what a server does every second."""
    lease = Lease(workspace.state.database, "webhooks", timedelta(minutes=1))
    tell_all(workspace, lease, NEVER)
    lease.release()


def later(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, **passes: float) -> None:
    """The same, after some time has passed."""
    now = clock.now() + timedelta(**passes)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: now)
        tell(workspace)


def standing(workspace: Workspace, known: Webhook) -> Webhook:
    return workspace.webhooks.show(workspace.owner, known.id)


# --- what is told


def test_a_receiver_is_told_what_happened_as_mlflow_tells_it(
    workspace: Workspace, receiver: Receiver
) -> None:
    hook(workspace, receiver, secret="of the receiver")
    owner, names, versions = workspace.owner, workspace.registry, workspace.versions
    names.create(owner, "trees", description="Oaks", tags={"team": "red"})
    versions.create(owner, "trees", "s3://b/m", tags={"a": "1"})
    versions.tag(owner, "trees", 1, {"seen": "yes"})
    versions.untag(owner, "trees", 1, "seen")
    workspace.aliases.set(owner, "trees", "best", 1)
    workspace.aliases.remove(owner, "trees", "best")
    tell(workspace)
    assert receiver.happenings() == [
        *("registered_model.created", "model_version.created"),
        *("model_version_tag.set", "model_version_tag.deleted"),
        *("model_version_alias.created", "model_version_alias.deleted"),
    ]
    assert [each["data"] for each in receiver.told()] == [
        {"name": "trees", "tags": {"team": "red"}, "description": "Oaks"},
        {
            **{"name": "trees", "version": "1", "source": "s3://b/m", "run_id": None},
            **{"tags": {"a": "1"}, "description": None},
        },
        {"name": "trees", "version": "1", "key": "seen", "value": "yes"},
        {"name": "trees", "version": "1", "key": "seen"},
        {"name": "trees", "alias": "best", "version": "1"},
        {"name": "trees", "alias": "best"},
    ]
    for headers, body in receiver.came:
        said = f"{headers['X-MLflow-Delivery-Id']}.{headers['X-MLflow-Timestamp']}.{body}"
        digest = hmac.new(b"of the receiver", said.encode(), sha256).digest()
        assert headers["X-MLflow-Signature"] == f"v1,{base64.b64encode(digest).decode()}"
        assert headers["Content-Type"] == "application/json"


def test_prompts_have_events_of_their_own_without_their_inner_tags(
    workspace: Workspace, receiver: Receiver
) -> None:
    hook(workspace, receiver)
    owner, names, versions = workspace.owner, workspace.registry, workspace.versions
    names.create(owner, "hello", tags=PROMPT | {"team": "red"})
    text = {"mlflow.prompt.text": "Hi {{name}}"}
    versions.create(owner, "hello", "dummy-source", tags=PROMPT | text)
    names.tag(owner, "hello", {"tone": "warm"})
    names.untag(owner, "hello", "tone")
    versions.tag(owner, "hello", 1, {"seen": "yes"})
    workspace.aliases.set(owner, "hello", "best", 1)
    tell(workspace)
    assert receiver.happenings() == [
        *("prompt.created", "prompt_version.created", "prompt_tag.set", "prompt_tag.deleted"),
        *("prompt_version_tag.set", "prompt_alias.created"),
    ]
    made, version, *_ = receiver.told()
    assert made["data"]["tags"] == {"team": "red"}
    assert (version["data"]["template"], version["data"]["tags"]) == ("Hi {{name}}", {})


def test_values_are_told_as_they_were_when_it_happened(
    workspace: Workspace, receiver: Receiver
) -> None:
    owner = workspace.owner
    workspace.registry.create(owner, "trees")
    workspace.versions.create(owner, "trees", "s3://b/m")
    hook(workspace, receiver, "model_version_tag.set")
    for value in ("early", "late"):
        workspace.versions.tag(owner, "trees", 1, {"hour": value})
    workspace.versions.untag(owner, "trees", 1, "hour")
    tell(workspace)
    assert [each["data"]["value"] for each in receiver.told()] == ["early", "late"]


def test_nobody_is_told_of_what_was_before_of_what_is_unwanted_or_of_what_failed(
    workspace: Workspace, receiver: Receiver
) -> None:
    owner = workspace.owner
    workspace.registry.create(owner, "before")
    hook(workspace, receiver, "prompt.created")
    off = hook(workspace, receiver, state="disabled")
    workspace.registry.create(owner, "unwanted")
    with pytest.raises(ConflictError):
        workspace.registry.create(owner, "unwanted")
    tell(workspace)
    assert receiver.came == []
    workspace.webhooks.change(owner, off.id, state="active")
    workspace.registry.create(owner, "wanted")
    tell(workspace)
    assert [each["data"]["name"] for each in receiver.told()] == ["wanted"]


def test_a_test_tells_a_made_up_event_at_once(workspace: Workspace, receiver: Receiver) -> None:
    made = hook(workspace, receiver, "model_version.created", secret="of the receiver")
    receiver.answers = [(200, {}), (500, {})]
    answer = workspace.webhooks.test(workspace.owner, made.id)
    assert (answer.status, answer.body, answer.error) == (200, "ok", "")
    assert receiver.told()[0]["data"]["name"] == "example_model"
    failed = workspace.webhooks.test(workspace.owner, made.id, "prompt_tag.set")
    assert (failed.status, "500" in failed.error) == (500, True)
    assert receiver.happenings()[1] == "prompt_tag.set"
    assert standing(workspace, made).failures == 0


# --- what fails


def test_what_fails_is_told_again_later_in_order_under_the_same_identifier(
    workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hook(workspace, receiver, "registered_model.created")
    receiver.answers = [(503, {})]
    for name in ("one", "two"):
        workspace.registry.create(workspace.owner, name)
    tell(workspace)
    tell(workspace)  # too early
    stands = standing(workspace, made)
    assert (len(receiver.came), stands.waiting, stands.failures) == (1, 2, 1)
    assert "503" in stands.last_error
    later(workspace, monkeypatch, seconds=6)
    assert [each["data"]["name"] for each in receiver.told()] == ["one", "one", "two"]
    first, again, _ = (headers["X-MLflow-Delivery-Id"] for headers, _ in receiver.came)
    assert first == again
    stands = standing(workspace, made)
    assert (stands.waiting, stands.failures, stands.last_error) == (0, 0, "")


def test_a_receiver_that_asks_for_time_gets_it(
    workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook(workspace, receiver)
    receiver.answers = [(429, {"Retry-After": "600"})]
    workspace.registry.create(workspace.owner, "trees")
    tell(workspace)
    later(workspace, monkeypatch, seconds=500)
    assert len(receiver.came) == 1
    later(workspace, monkeypatch, seconds=700)
    assert len(receiver.came) == 2


@pytest.mark.parametrize("status", [302, 400, 410])
def test_what_is_refused_for_good_is_given_up_and_the_next_is_told(
    workspace: Workspace, receiver: Receiver, status: int
) -> None:
    made = hook(workspace, receiver)
    receiver.answers = [(status, {"Location": "http://169.254.169.254/"})]
    for name in ("one", "two"):
        workspace.registry.create(workspace.owner, name)
    tell(workspace)
    assert [each["data"]["name"] for each in receiver.told()] == ["one", "two"]
    assert standing(workspace, made).waiting == 0
    with workspace.state.database.reading() as connection:
        (lost,) = eventlog.latest(connection, type_="webhook.given-up")
    assert (lost.subject, lost.data["event"]) == (f"webhook:{made.id}", "registered_model.created")


def test_what_nobody_takes_for_days_is_given_up(
    workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hook(workspace, receiver)
    receiver.answers = [(500, {})] * 2
    workspace.registry.create(workspace.owner, "trees")
    later(workspace, monkeypatch, days=2)
    assert standing(workspace, made).waiting == 1
    later(workspace, monkeypatch, days=4)
    assert standing(workspace, made).waiting == 0


def test_a_dead_receiver_keeps_nobody_else_waiting(
    workspace: Workspace, receiver: Receiver
) -> None:
    dead = workspace.webhooks.add(
        workspace.owner, "dead", "http://127.0.0.1:1/", ["registered_model.created"]
    )
    hook(workspace, receiver)
    workspace.registry.create(workspace.owner, "trees")
    tell(workspace)
    assert len(receiver.came) == 1
    assert "cannot be reached" in standing(workspace, dead).last_error


def test_one_server_tells_at_a_time(workspace: Workspace, receiver: Receiver) -> None:
    hook(workspace, receiver)
    workspace.registry.create(workspace.owner, "trees")
    first = Lease(workspace.state.database, "webhooks", timedelta(minutes=1))
    assert first.take()
    second = Lease(workspace.state.database, "webhooks", timedelta(minutes=1))
    tell_all(workspace, second, NEVER)
    assert receiver.came == []
    tell_all(workspace, first, NEVER)
    assert len(receiver.came) == 1


# --- where it may point


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/", "ftp://example.org/", "https://", "https://me:pw@example.org/"),
        *("https://10.0.0.1/", "https://[::1]/", "https://[::ffff:169.254.169.254]/"),
        *("https://0177.0.0.1/", "https://①②⑦.0.0.1/", "https://-.example.org:1/\x7f"),
        *("https://localhost/", "https://[64:ff9b::a00:1]/", "https://100.64.0.1/"),
        *("https://example.org/a b", "https://example.org:x/", "https://x/" + "a" * 2000),
    ],
)
def test_an_address_that_may_not_be_told_is_refused(workspace: Workspace, url: str) -> None:
    with pytest.raises(UsageError):
        workspace.webhooks.add(workspace.owner, "bad", url, ["prompt.created"])
    assert workspace.webhooks.known(workspace.owner) == ([], "")


def test_an_address_that_turns_out_private_is_told_nothing(
    workspace: Workspace, receiver: Receiver, home: Path
) -> None:
    made = hook(workspace, receiver)
    (home.parent / "trueup.toml").write_text(PLAN)  # it was allowed, and is no longer
    workspace.registry.create(workspace.owner, "trees")
    tell(workspace)
    answer = workspace.webhooks.test(workspace.owner, made.id)
    assert (answer.status, "no public address" in answer.error) == (None, True)
    assert receiver.came == []
    assert "no public address" in standing(workspace, made).last_error
    (home.parent / "trueup.toml").write_text(PLAN + ALLOWED)
    workspace.webhooks.change(workspace.owner, made.id, state="active")  # tries it at once
    tell(workspace)
    assert len(receiver.came) == 1


# --- who may, and what is never seen


def test_only_owners_see_and_change_web_hooks(
    workspace: Workspace, receiver: Receiver, scientist: Actor
) -> None:
    made = hook(workspace, receiver)
    verbs = workspace.webhooks
    refused: tuple[Callable[[], object], ...] = (
        lambda: verbs.add(scientist, "x", "https://example.org", ["prompt.created"]),
        lambda: verbs.show(scientist, made.id),
        lambda: verbs.known(scientist),
        lambda: verbs.change(scientist, made.id, url="https://example.org"),
        lambda: verbs.test(scientist, made.id),
        lambda: verbs.remove(scientist, made.id),
        lambda: verbs.due(scientist, clock.now()),
        lambda: verbs.add(AUTOMATION, "x", "https://example.org", ["prompt.created"]),
    )
    for ask in refused:
        with pytest.raises(DeniedError):
            ask()


def test_a_secret_is_never_seen_again(workspace: Workspace, receiver: Receiver) -> None:
    made = hook(workspace, receiver, secret="seen-by-nobody")
    workspace.webhooks.change(workspace.owner, made.id, secret="seen-by-none-either")
    workspace.registry.create(workspace.owner, "trees")
    assert "seen-by" not in repr(workspace.webhooks.known(workspace.owner))
    with workspace.state.database.reading() as connection:
        for table in ("webhooks", "webhook_deliveries", "events"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}")
            assert "seen-by" not in "".join(map(repr, map(tuple, rows)))
    assert made.is_signed
    assert not workspace.webhooks.change(workspace.owner, made.id, secret="").is_signed


def test_what_was_removed_is_told_nothing(workspace: Workspace, receiver: Receiver) -> None:
    made = hook(workspace, receiver)
    workspace.registry.create(workspace.owner, "trees")
    workspace.webhooks.remove(workspace.owner, made.id)
    tell(workspace)
    assert receiver.came == []
    for verb in (workspace.webhooks.show, workspace.webhooks.remove, workspace.webhooks.test):
        with pytest.raises(NotFoundError):
            verb(workspace.owner, made.id)
