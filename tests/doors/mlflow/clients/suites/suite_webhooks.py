"""Web hooks with the client's own calls, and a receiver that checks as MLflow tells it to.

Needs the server SIGNING over the folder SIGNING_PROJECT, and the token OWNERS of an owner.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException
from mlflow.webhooks.delivery import _generate_hmac_signature

SERVER = os.environ["SIGNING"]
SECRET = "shared with the receiver"


class Receiver(BaseHTTPRequestHandler):
    came: queue.Queue[tuple[dict[str, str], str]] = queue.Queue()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.came.put((dict(self.headers), body))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_parts: object) -> None: ...


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", os.environ["OWNERS"])
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()
    thread.join()


def told() -> dict[str, Any]:
    """What comes next; its signature is right."""
    headers, body = Receiver.came.get(timeout=30)
    delivery, at = headers["X-MLflow-Delivery-Id"], headers["X-MLflow-Timestamp"]
    wanted = _generate_hmac_signature(SECRET, delivery, at, body)
    assert headers["X-MLflow-Signature"] == wanted
    found: dict[str, Any] = json.loads(body)
    assert sorted(found) == ["action", "data", "entity", "timestamp"]
    return found


def test_a_web_hook_is_made_listed_changed_tested_told_and_deleted(url: str) -> None:
    client = MlflowClient()
    made = client.create_webhook(
        "builds", url, ["registered_model.created", "model_version_alias.created"], secret=SECRET
    )
    assert made.secret is None
    assert [each.name for each in client.list_webhooks()] == ["builds"]
    result = client.test_webhook(made.webhook_id)
    assert (result.success, result.response_status, result.response_body) == (True, 200, "ok")
    assert told()["data"]["name"] == "example_model"

    client.create_registered_model("oaks", tags={"team": "red"}, description="Trees")
    tags = {"team": "red"}
    assert told()["data"] == {"name": "oaks", "tags": tags, "description": "Trees"}
    client.create_model_version("oaks", "s3://bucket/oaks")
    # Another door, another process: the same is told.
    done = subprocess.run(
        [*json.loads(os.environ["TRUEUP"]), "model", "alias", "set", "oaks", "best", "1"],
        cwd=os.environ["SIGNING_PROJECT"],
        env={**os.environ, "PYTHONPATH": os.environ["OURS"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert told()["data"] == {"name": "oaks", "alias": "best", "version": "1"}

    events = [WebhookEvent("prompt_version", "created")]
    changed = client.update_webhook(made.webhook_id, events=events, name="prompts")
    assert (changed.name, changed.events) == ("prompts", events)
    mlflow.genai.register_prompt("hello", "Hi {{name}}", tags={"tone": "warm"})
    data = told()["data"]
    assert (data["template"], data["tags"]["tone"]) == ("Hi {{name}}", "warm")

    client.update_webhook(made.webhook_id, status=WebhookStatus.DISABLED)
    assert client.get_webhook(made.webhook_id).status == WebhookStatus.DISABLED
    client.delete_webhook(made.webhook_id)
    with pytest.raises(MlflowException, match=f"Webhook with ID {made.webhook_id} not found"):
        client.get_webhook(made.webhook_id)
    with pytest.raises(MlflowException, match="Invalid webhook URL scheme"):
        client.create_webhook("plain", "http://example.org", ["prompt.created"])
    assert Receiver.came.empty()
