"""Files over the wire: what was put is read, listed and deleted; no path leaves its place."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.app.wiring import Workspace, open_workspace
from trueup.lifecycle.runs.tracking.files.rules import checked

from .conftest import Client

FILES = "http://localhost/api/2.0/mlflow-artifacts/artifacts"


def put(client: Client, path: str, raw: bytes) -> None:
    assert client.ask("PUT", f"{FILES}/{quote(path)}", content=raw).status_code == 200


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_what_was_put_is_read(client: Client, size: int) -> None:
    raw = os.urandom(size)
    put(client, "1/r/artifacts/a b/ü.bin", raw)
    reply = client.ask("GET", f"{FILES}/1/r/artifacts/a b/ü.bin")
    assert reply.content == raw
    assert reply.headers["content-length"] == str(size)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-disposition"].startswith("attachment")


def test_part_of_a_file_is_read_by_its_range(client: Client) -> None:
    put(client, "f", b"0123456789")
    for asked, status, got in (
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=5-99", 206, b"56789"),
        ("bytes=5-2", 200, b"0123456789"),
        (f"bytes={'9' * 5000}-", 200, b"0123456789"),
    ):
        reply = client.ask("GET", f"{FILES}/f", headers={"range": asked})
        assert (reply.status_code, reply.content) == (status, got)


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=12-15", "bytes=-0"])
def test_who_asks_for_a_part_behind_the_end_is_told_where_it_is(client: Client, asked: str) -> None:
    put(client, "f", b"0123456789")
    reply = client.ask("GET", f"{FILES}/f", headers={"range": asked})
    assert (reply.status_code, reply.headers["content-range"]) == (416, "bytes */10")


def test_a_folder_lists_what_lies_in_it(client: Client) -> None:
    for path in ("r/b.txt", "r/a/x", "r/a/y/z"):
        put(client, path, b"123")
    found = client.get(FILES, path="r")["files"]
    assert found == [
        {"path": "a", "is_dir": True},
        {"path": "b.txt", "is_dir": False, "file_size": 3},
    ]
    assert client.get(FILES, path="r/b.txt") == {}
    assert client.get(FILES, path="nowhere") == {}


def test_a_deleted_folder_takes_its_files_and_empty_parents_along(client: Client) -> None:
    for path in ("r/a/x", "r/a/y/z", "r/ab"):
        put(client, path, b"1")
    assert client.ask("DELETE", f"{FILES}/r/a").status_code == 200
    assert [each["path"] for each in client.get(FILES, path="r")["files"]] == ["ab"]
    client.ask("DELETE", f"{FILES}/r/ab")
    assert client.get(FILES) == {}


def test_equal_bytes_are_kept_once(client: Client, workspace: Workspace) -> None:
    raw = os.urandom(200_000)
    put(client, "one", raw)
    before = len(list(workspace.state.blobs.digests()))
    put(client, "two", raw)
    assert len(list(workspace.state.blobs.digests())) == before


def test_a_file_takes_no_folders_place_nor_the_other_way_round(client: Client) -> None:
    put(client, "a/b", b"1")
    for path in ("a", "a/b/c"):
        status, name, _ = client.refused("PUT", f"{FILES}/{path}", content=b"2")
        assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
    assert client.ask("GET", f"{FILES}/a/b").content == b"1"


ODD = (
    *("../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "a\\b", "C:/x", "a#b", "%2e%2e/x"),
    *("a/%252e%252e/x", "..%2fx", "a\x00b", "x" * 1001, " ", "a/ ../b"),
)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_odd_paths_are_refused(client: Client, method: str) -> None:
    more = {"content": b"1"} if method == "PUT" else {}
    for path in ODD:
        status, name, message = client.refused(method, f"{FILES}/{quote(path, safe='')}", **more)
        assert (status, name) == (400, "INVALID_PARAMETER_VALUE"), path
        assert "Invalid path" in message
    assert client.get(FILES) == {}


@pytest.mark.parametrize("name", ["f%step%23%timestamp%1795336941088%m1.png", "5% off", "%5c%23"])
def test_bare_percents_stand_for_themselves(client: Client, name: str) -> None:
    put(client, f"images/{name}", b"1")
    assert [each["path"] for each in client.get(FILES, path="images")["files"]] == [name]


@given(st.text(max_size=40), st.integers(0, 4))
def test_no_accepted_path_reads_as_one_that_leaves_its_folder(path: str, times: int) -> None:
    for _ in range(times):
        path = quote(path)
    try:
        checked(path)
    except ValueError:
        return
    from urllib.parse import unquote

    for _ in range(10):
        assert not path.startswith("/")
        assert ".." not in path.split("/")
        path = unquote(path, errors="replace")


@pytest.mark.parametrize(
    "said", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_page_of_another_site_sends_nothing(client: Client, said: dict[str, str]) -> None:
    run_id = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    form = {"content": b"evil", "headers": {"content-type": "text/plain", **said}}
    url = "http://localhost/ajax-api/2.0/mlflow/upload-artifact"
    asked = {"run_id": run_id, "path": "x.txt"}
    assert client.refused("POST", url, params=asked, **form)[:2] == (403, "PERMISSION_DENIED")
    assert client.refused("PUT", f"{FILES}/x", **form)[:2] == (403, "PERMISSION_DENIED")
    assert client.get(FILES) == {}
    assert client.get("artifacts/list", run_id=run_id).get("files") is None
    del form["headers"]
    assert client.ask("POST", url, params=asked, **form).status_code == 200


def test_a_plain_folder_is_listed_read_and_deleted_in_place(home: Path, tmp_path: Path) -> None:
    (home.parent / "trueup.toml").write_text('[project]\nname = "p"\nobjective = "o"\n')
    root = tmp_path / "shared"
    with open_workspace(home.parent, artifacts=root.as_uri()) as workspace:
        workspace.__dict__["owner"] = workspace.people.found("olga")
        client = Client(workspace)
        info = client.post("runs/create", experiment_id="0")["run"]["info"]
        assert info["artifact_uri"].startswith(f"{root.as_uri()}/0/")
        place = Path(info["artifact_uri"].removeprefix("file://"))
        (place / "sub").mkdir(parents=True)
        (place / "sub" / "f.txt").write_text("hello")
        (place / "escape").symlink_to("/etc")
        asked = {"run_id": info["run_id"]}
        listed = client.get("artifacts/list", **asked)["files"]
        assert [each["path"] for each in listed] == ["sub"]
        url = "http://localhost/get-artifact"
        reply = client.ask("GET", url, params={**asked, "path": "sub/f.txt"})
        assert reply.text == "hello"
        assert client.ask("GET", url, params={**asked, "path": "escape/passwd"}).status_code == 404
        assert client.ask("GET", url, params={**asked, "path": "../../x"}).status_code == 400
