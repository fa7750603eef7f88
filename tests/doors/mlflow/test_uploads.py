"""Files in parts: any order, any part again, put together once and whole."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest

from trueup.app.wiring import Workspace
from trueup.foundation import clock

from .conftest import Client

FILES = "http://localhost/api/2.0/mlflow-artifacts"


def begun(client: Client, parts: int, name: str = "big.bin") -> dict[str, Any]:
    return client.post(f"{FILES}/mpu/create/1/r/artifacts", path=name, num_parts=parts)


def send(client: Client, upload: dict[str, Any], number: int, raw: bytes) -> dict[str, Any]:
    to = upload["credentials"][number - 1]
    reply = client.ask("PUT", to["url"], content=raw, headers=to["headers"])
    assert reply.status_code == 200, reply.text
    return {"part_number": number, "etag": reply.headers["etag"], "url": to["url"]}


def complete(client: Client, upload: dict[str, Any], parts: list[dict[str, Any]]) -> Any:
    body = {"path": "big.bin", "upload_id": upload["upload_id"], "parts": parts}
    return client.ask("POST", f"{FILES}/mpu/complete/1/r/artifacts", json=body)


def test_parts_become_one_file_in_their_order(client: Client) -> None:
    raws = [os.urandom(100_000), os.urandom(5), b""]
    upload = begun(client, 3)
    parts = [send(client, upload, number, raws[number - 1]) for number in (3, 1, 2)]
    assert complete(client, upload, parts).status_code == 200
    found = client.ask("GET", f"{FILES}/artifacts/1/r/artifacts/big.bin")
    assert found.content == b"".join(raws)


def test_a_part_sent_again_replaces_itself_and_completing_again_changes_nothing(
    client: Client, workspace: Workspace
) -> None:
    upload = begun(client, 1)
    old = send(client, upload, 1, b"old")
    new = send(client, upload, 1, b"new")
    assert complete(client, upload, [old]).status_code == 400
    for _ in range(2):
        assert complete(client, upload, [new]).status_code == 200
    assert client.ask("GET", f"{FILES}/artifacts/1/r/artifacts/big.bin").content == b"new"
    left = list((workspace.settings.home / "uploads" / upload["upload_id"]).iterdir())
    assert [path.name for path in left] == ["upload.json"]


def test_what_came_is_told_so_that_the_rest_can_be_sent(client: Client) -> None:
    upload = begun(client, 2)
    first = send(client, upload, 1, b"1")
    reply = complete(client, upload, [first])
    assert reply.status_code == 400
    url = f"{FILES}/parts/{upload['upload_id']}"
    assert client.get(url)["parts"] == [{"part_number": 1, "etag": first["etag"]}]
    assert complete(client, upload, [first, send(client, upload, 2, b"2")]).status_code == 200


def test_only_the_token_of_the_upload_sends_its_parts(client: Client) -> None:
    one, other = begun(client, 1), begun(client, 1)
    url = one["credentials"][0]["url"]
    for headers in ({}, other["credentials"][0]["headers"]):
        assert client.ask("PUT", url, content=b"x", headers=headers).status_code == 403
    assert client.get(f"{FILES}/parts/{one['upload_id']}") == {"parts": []}


def test_no_upload_has_an_odd_path_number_or_identifier(client: Client) -> None:
    body = {"path": "big.bin", "num_parts": 1}
    for path in ("../../etc", "1/../..", "%2e%2e/x"):
        reply = client.ask("POST", f"{FILES}/mpu/create/{path.replace('%', '%25')}", json=body)
        assert reply.status_code in (400, 404)
    for parts in (0, -1, 10_001):
        reply = client.ask("POST", f"{FILES}/mpu/create/1", json={**body, "num_parts": parts})
        assert reply.status_code == 400
    upload = begun(client, 1)
    headers = upload["credentials"][0]["headers"]
    for place in (f"{upload['upload_id']}/2", f"{upload['upload_id']}/x", f"{'0' * 32}/1", "../1"):
        reply = client.ask("PUT", f"{FILES}/parts/{place}", content=b"", headers=headers)
        assert reply.status_code in (400, 404)


def test_a_dropped_upload_and_one_that_nobody_went_on_with_are_gone(
    client: Client, workspace: Workspace
) -> None:
    upload, old = begun(client, 1), begun(client, 1)
    folder = workspace.settings.home / "uploads"
    body = {"path": "big.bin", "upload_id": upload["upload_id"]}
    assert client.ask("POST", f"{FILES}/mpu/abort/1", json=body).status_code == 200
    assert [path.name for path in folder.iterdir()] == [old["upload_id"]]
    with clock.held_at(clock.now() + timedelta(days=8)):
        workspace.uploads.begin(workspace.owner, "x", 1)
    assert old["upload_id"] not in [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("body", [{}, {"path": ""}, {"path": 3, "num_parts": "many"}])
def test_a_wrong_request_begins_nothing(client: Client, body: dict[str, Any]) -> None:
    status, name, _ = client.refused("POST", f"{FILES}/mpu/create/1", json=body)
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
