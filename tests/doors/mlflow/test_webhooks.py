"""Web hooks over the wire, in the shapes that clients send and read."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Client

EVENT = {"entity": "MODEL_VERSION", "action": "CREATED"}


def make(client: Client, name: str = "ci", **more: Any) -> dict[str, Any]:
    given = {"name": name, "url": "https://ci.example.org/hook", "events": [EVENT]}
    found: dict[str, Any] = client.post("webhooks", **(given | more))["webhook"]
    return found


def test_a_web_hook_reads_as_it_was_made_without_its_secret(client: Client) -> None:
    made = make(client, description="Builds", secret="of the receiver")
    assert client.get(f"webhooks/{made['webhook_id']}")["webhook"] == made
    assert (made["events"], made["status"], made["description"]) == ([EVENT], "ACTIVE", "Builds")
    assert "of the receiver" not in repr(made)
    assert make(client, name="off", status="DISABLED")["status"] == "DISABLED"


def test_a_list_has_pages_the_newest_first(client: Client) -> None:
    for number in range(5):
        make(client, name=f"n{number}")
    names: list[str] = []
    query: dict[str, Any] = {"max_results": 2}
    while True:
        page = client.get("webhooks", **query)
        names += [each["name"] for each in page["webhooks"]]
        if "next_page_token" not in page:
            break
        query["page_token"] = page["next_page_token"]
    assert names == ["n4", "n3", "n2", "n1", "n0"]
    assert client.refused("GET", "webhooks", params={"page_token": "x"})[0] == 400
    assert client.refused("GET", "webhooks", params={"max_results": 1001})[0] == 400


def test_what_is_given_is_changed_and_the_rest_stays(client: Client) -> None:
    made = make(client, description="Builds")
    path = f"webhooks/{made['webhook_id']}"
    body = {"name": "other", "status": "DISABLED"}
    changed = client.ask("PATCH", path, json=body).json()["webhook"]
    assert (changed["name"], changed["status"]) == ("other", "DISABLED")
    assert (changed["url"], changed["description"]) == (made["url"], "Builds")
    assert client.ask("DELETE", path).json() == {}
    not_there = f"Webhook with ID {made['webhook_id']} not found."
    for method in ("GET", "DELETE"):
        refused = client.refused(method, path)
        assert refused == (404, "RESOURCE_DOES_NOT_EXIST", not_there)


def test_a_test_that_reaches_nobody_says_why(client: Client) -> None:
    made = make(client, url="https://nobody.invalid/")
    result = client.post(f"webhooks/{made['webhook_id']}/test", event=EVENT)["result"]
    assert result["success"] is False
    assert "nobody.invalid" in result["error_message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "x" * 64},
        {"url": ""},
        {"url": "http://ci.example.org"},
        {"url": "https://127.0.0.1"},
        {"url": 5},
        {"events": []},
        {"events": [{"entity": "MODEL_VERSION"}]},
        {"events": [{"entity": "MODEL_VERSION", "action": "SET"}]},
        {"events": [{"entity": "BUDGET_POLICY", "action": "EXCEEDED"}]},
        {"events": "x"},
        {"status": "SLEEPING"},
        {"secret": "x" * 1001},
    ],
)
def test_what_will_not_do_is_refused_and_nothing_kept(
    client: Client, wrong: dict[str, Any]
) -> None:
    given = {"name": "ci", "url": "https://ci.example.org/hook", "events": [EVENT]}
    status, name, _ = client.refused("POST", "webhooks", json=given | wrong)
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
    assert client.get("webhooks") == {}
