"""Registered models, versions, aliases and stages over the wire."""

from __future__ import annotations

from typing import Any

import pytest

from trueup.app.wiring import Workspace

from .conftest import Client

DATABASES = ("sqlite", "postgresql")

PROMPT = [
    {"key": "mlflow.prompt.is_prompt", "value": "true"},
    {"key": "mlflow.prompt.text", "value": "Hi"},
]


def register(client: Client, name: str = "trees", source: str = "s3://b/m", **more: Any) -> Any:
    """A version of a name that is made when it is not there."""
    if client.ask("GET", "registered-models/get", params={"name": name}).status_code == 404:
        client.post("registered-models/create", name=name)
    return client.post("model-versions/create", name=name, source=source, **more)["model_version"]


def version(client: Client, number: int, name: str = "trees") -> Any:
    return client.get("model-versions/get", name=name, version=str(number))["model_version"]


def names(client: Client, filter_: str = "", **more: Any) -> list[str]:
    found = client.get("registered-models/search", filter=filter_, **more)
    return [each["name"] for each in found.get("registered_models", [])]


def numbers(client: Client, filter_: str = "", **more: Any) -> list[str]:
    found = client.get("model-versions/search", filter=filter_, **more)
    return [f"{v['name']}@{v['version']}" for v in found.get("model_versions", [])]


# --- names


def test_a_name_reads_as_it_was_made(client: Client) -> None:
    tags = [{"key": "team", "value": "red"}]
    made = client.post("registered-models/create", name="trees", description="Oaks", tags=tags)
    found = client.get("registered-models/get", name="trees")
    assert found == made
    model = found["registered_model"]
    assert (model["name"], model["description"], model["tags"]) == ("trees", "Oaks", tags)
    assert "latest_versions" not in model


def test_a_name_that_is_there_cannot_be_made(client: Client) -> None:
    client.post("registered-models/create", name="trees")
    refused = client.refused("POST", "registered-models/create", json={"name": "trees"})
    assert refused == (
        400,
        "RESOURCE_ALREADY_EXISTS",
        "Registered Model (name=trees) already exists.",
    )
    body = {"name": "trees", "tags": PROMPT}
    assert (
        "already taken by a registered model"
        in client.refused("POST", "registered-models/create", json=body)[2]
    )


@pytest.mark.parametrize("name", ["a/b", "a:b", "..", " ", "a@b", "n" * 257])
def test_names_that_a_uri_could_not_carry_are_refused(client: Client, name: str) -> None:
    refused = client.refused("POST", "registered-models/create", json={"name": name})
    assert refused[:2] == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "registered-models/get"),
        ("PATCH", "registered-models/update"),
        ("DELETE", "registered-models/delete"),
        ("POST", "registered-models/get-latest-versions"),
    ],
)
def test_a_name_that_is_not_there_is_not_found(client: Client, method: str, path: str) -> None:
    more = {"params" if method == "GET" else "json": {"name": "nope"}}
    refused = client.refused(method, path, **more)
    words = "Registered Model with name=nope not found"
    assert refused == (404, "RESOURCE_DOES_NOT_EXIST", words)
    missing = client.refused(method, path)
    assert "Missing value for required parameter 'name'" in missing[2]


def test_words_about_a_name_change(client: Client) -> None:
    client.post("registered-models/create", name="trees")
    reply = client.ask(
        "PATCH", "registered-models/update", json={"name": "trees", "description": "Elms"}
    )
    assert reply.json()["registered_model"]["description"] == "Elms"


def test_renaming_takes_versions_aliases_tags_and_history_along(
    client: Client, workspace: Workspace
) -> None:
    register(client, tags=[{"key": "a", "value": "1"}])
    client.post("registered-models/alias", name="trees", alias="best", version="1")
    renamed = client.post("registered-models/rename", name="trees", new_name="woods")
    model = renamed["registered_model"]
    assert model["aliases"] == [{"alias": "best", "version": "1"}]
    assert version(client, 1, "woods")["tags"] == [{"key": "a", "value": "1"}]
    assert client.refused("GET", "registered-models/get", params={"name": "trees"})[0] == 404
    history = workspace.aliases.history(workspace.owner, "woods")
    assert [(m.name, m.after) for m in history.moves] == [("best", 1)]
    assert register(client, "woods")["version"] == "2"
    assert register(client)["version"] == "2", "a number is never given twice"
    body = {"name": "woods", "new_name": "trees"}
    assert client.refused("POST", "registered-models/rename", json=body)[:2] == (
        400,
        "RESOURCE_ALREADY_EXISTS",
    )


def test_a_deleted_name_comes_back_empty_and_its_numbers_go_on(client: Client) -> None:
    register(client)
    client.post("registered-models/set-tag", name="trees", key="a", value="1")
    assert (
        client.ask("DELETE", "registered-models/delete", json={"name": "trees"}).status_code == 200
    )
    assert names(client) == [] and numbers(client) == []
    model = client.post("registered-models/create", name="trees")["registered_model"]
    assert "tags" not in model and "latest_versions" not in model
    assert register(client)["version"] == "2"


def test_tags_of_names(client: Client) -> None:
    client.post("registered-models/create", name="trees")
    client.post("registered-models/set-tag", name="trees", key="a", value="1")
    client.post("registered-models/set-tag", name="trees", key="a", value="2")
    found = client.get("registered-models/get", name="trees")["registered_model"]
    assert found["tags"] == [{"key": "a", "value": "2"}]
    for _ in range(2):
        body = {"name": "trees", "key": "a"}
        assert client.ask("DELETE", "registered-models/delete-tag", json=body).status_code == 200
    assert "tags" not in client.get("registered-models/get", name="trees")["registered_model"]
    long = {"name": "trees", "key": "a", "value": "v" * 100_001}
    assert client.refused("POST", "registered-models/set-tag", json=long)[0] == 400
    odd = {"name": "trees", "key": "../a", "value": "v"}
    assert client.refused("POST", "registered-models/set-tag", json=odd)[0] == 400


def test_search_of_names_by_filter_order_and_page(client: Client) -> None:
    for name in ("b", "Ab", "c"):
        client.post("registered-models/create", name=name)
    client.post("registered-models/set-tag", name="b", key="team", value="red")
    assert names(client) == ["Ab", "b", "c"]
    assert names(client, "name LIKE '%b'") == ["Ab", "b"]
    assert names(client, "name LIKE 'a%'") == []
    assert names(client, "name ILIKE 'a%'") == ["Ab"]
    assert names(client, "name IN ('b', 'c')") == ["b", "c"]
    assert names(client, "tags.team = 'red'") == ["b"]
    assert names(client, "tag.`mlflow.prompt.is_prompt` != 'true'") == ["Ab", "b", "c"]
    assert names(client, order_by="name DESC") == ["c", "b", "Ab"]
    found, token = [], ""
    while True:
        asked = {"max_results": 1, "order_by": "last_updated_timestamp DESC", "page_token": token}
        page = client.get("registered-models/search", **asked)
        found += [each["name"] for each in page["registered_models"]]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert found == ["b", "c", "Ab"]
    for asked in (
        {"filter": "colour = 'red'"},
        {"order_by": "colour"},
        {"order_by": ["name", "name DESC"]},
        {"max_results": "1001"},
        {"page_token": "x"},
    ):
        refused = client.refused("GET", "registered-models/search", params=asked)
        assert refused[:2] == (400, "INVALID_PARAMETER_VALUE")


# --- versions


def test_a_version_of_a_logged_model_knows_its_run_and_files(
    client: Client, workspace: Workspace
) -> None:
    run = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    info = client.post("logged-models", experiment_id="0", name="m", source_run_id=run)["model"]
    model, root = info["info"]["model_id"], info["info"]["artifact_uri"]
    at = "http://localhost/api/2.0/mlflow-artifacts/artifacts/" + root.split(":/")[1]
    client.ask("PUT", f"{at}/MLmodel", content=b"flavors: {}")
    made = register(client, source=f"models:/{model}", model_id=model)
    assert (made["version"], made["run_id"], made["model_id"]) == ("1", run, model)
    assert made["status"] == "READY" and made["current_stage"] == "None"
    uri = client.get("model-versions/get-download-uri", name="trees", version="1")
    assert uri == {"artifact_uri": root}
    asked = {"name": "trees", "version": "1", "path": "MLmodel"}
    reply = client.ask("GET", "http://localhost/model-versions/get-artifact", params=asked)
    assert reply.content == b"flavors: {}"
    tags = client.get(f"logged-models/{model}")["model"]["info"]["tags"]
    assert tags == [{"key": "mlflow.modelVersions", "value": '[{"name":"trees","version":1}]'}]
    whole = workspace.models.show(workspace.owner, "trees")
    assert whole.manifest.foreign is not None
    (kept,) = whole.manifest.foreign.files
    assert (kept.path, kept.size) == ("MLmodel", 11)
    assert workspace.state.blobs.get(kept.digest) == b"flavors: {}"
    assert workspace.models.names(workspace.owner) == ["trees"]


def test_a_copy_is_of_what_it_was_copied_from(client: Client) -> None:
    run = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    first = register(client, source=f"runs:/{run}/model", run_id=run)
    copy = register(client, "woods", "models:/trees/1", run_id=run)
    assert (copy["version"], copy["source"]) == ("1", "models:/trees/1")
    assert copy["run_id"] == first["run_id"] == run
    client.post("registered-models/alias", name="trees", alias="best", version="1")
    assert register(client, "woods", "models:/trees@best")["source"] == "models:/trees/1"
    assert register(client, "woods", "models:/trees/latest")["source"] == "models:/trees/1"
    uris = [
        client.get("model-versions/get-download-uri", name=name, version="1")["artifact_uri"]
        for name in ("trees", "woods")
    ]
    assert uris[0] == uris[1] == f"mlflow-artifacts:/0/{run}/artifacts/model"


@pytest.mark.parametrize(
    "source",
    [
        *("/etc/passwd", "file:///etc/passwd", "etc", "./model", "C:\\model", "file:/etc"),
        *("s3://b/../m", "mlflow-artifacts:/0/%2e%2e/x", "http://h/a/..%252fb", "s3://b/a%00b"),
        *("runs:/other/model", "runs://host/RUN/model", "models://host/trees/1", "models:/m-none"),
        *("mlflow-artifacts:/1/other/artifacts", "mlflow-artifacts://h/0/RUN/artifacts"),
        *("http://h/api/2.0/mlflow-artifacts/artifacts/0/x", "models:/", "models:/trees/nine"),
        *("s3://b/" + "m" * 3000, "file://elsewhere/model"),
    ],
)
def test_sources_outside_their_place_are_refused(client: Client, source: str) -> None:
    run = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    client.post("registered-models/create", name="trees")
    body = {"name": "trees", "source": source.replace("RUN", run), "run_id": run}
    status, name, message = client.refused("POST", "model-versions/create", json=body)
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
    assert "Invalid model version source" in message
    assert numbers(client) == []


def test_a_local_path_says_what_it_needs(client: Client) -> None:
    client.post("registered-models/create", name="trees")
    body = {"name": "trees", "source": "/tmp/model"}
    message = client.refused("POST", "model-versions/create", json=body)[2]
    assert "To use a local path as a model version source, the run_id request parameter" in message


def test_an_older_client_need_not_say_whose_the_source_is(client: Client) -> None:
    run = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    client.post("registered-models/create", name="trees")
    body = {"name": "trees", "source": f"runs:/{run}/model"}
    assert client.refused("POST", "model-versions/create", json=body)[0] == 400
    old = {"X-MLflow-Client-Version": "2.22.0"}
    reply = client.ask("POST", "model-versions/create", json=body, headers=old)
    assert reply.json()["model_version"]["run_id"] == run


def test_unknown_versions_are_not_found(client: Client) -> None:
    register(client)
    asked = {"name": "trees", "version": "7"}
    words = "Model Version (name=trees, version=7) not found"
    for method, path, more in (
        ("GET", "model-versions/get", {"params": asked}),
        ("GET", "model-versions/get-download-uri", {"params": asked}),
        ("PATCH", "model-versions/update", {"json": asked}),
        ("DELETE", "model-versions/delete", {"json": asked}),
        ("POST", "model-versions/transition-stage", {"json": {**asked, "stage": "Staging"}}),
        ("POST", "model-versions/set-tag", {"json": {**asked, "key": "a", "value": "b"}}),
        ("DELETE", "model-versions/delete-tag", {"json": {**asked, "key": "a"}}),
        ("POST", "registered-models/alias", {"json": {**asked, "alias": "a"}}),
    ):
        assert client.refused(method, path, **more) == (404, "RESOURCE_DOES_NOT_EXIST", words)
    for wrong in ("one", "1.0", "-1", "²"):
        refused = client.refused("GET", "model-versions/get", params={**asked, "version": wrong})
        assert refused[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_only_words_and_tags_of_a_version_change(client: Client) -> None:
    before = register(client)
    body = {"name": "trees", "version": "1", "description": "Elms", "source": "s3://other"}
    client.ask("PATCH", "model-versions/update", json=body)
    client.post("model-versions/set-tag", name="trees", version="1", key="a", value="1")
    after = version(client, 1)
    assert (after["description"], after["tags"]) == ("Elms", [{"key": "a", "value": "1"}])
    same = ("source", "creation_timestamp", "status")
    assert [after[key] for key in same] == [before[key] for key in same]
    gone = {"name": "trees", "version": "1", "key": "a"}
    client.ask("DELETE", "model-versions/delete-tag", json=gone)
    assert "tags" not in version(client, 1)


def test_a_deleted_version_takes_its_aliases_along(client: Client) -> None:
    register(client)
    register(client)
    client.post("registered-models/alias", name="trees", alias="best", version="1")
    client.ask("DELETE", "model-versions/delete", json={"name": "trees", "version": "1"})
    assert numbers(client) == ["trees@2"]
    assert "aliases" not in client.get("registered-models/get", name="trees")["registered_model"]
    assert register(client)["version"] == "3"


def test_search_of_versions(client: Client) -> None:
    run = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    register(client, source=f"runs:/{run}/a", run_id=run)
    register(client, tags=[{"key": "k", "value": "v"}])
    register(client, "a")
    assert numbers(client) == ["a@1", "trees@2", "trees@1"]
    assert numbers(client, "name='trees'") == ["trees@2", "trees@1"]
    assert numbers(client, "name = 'trees' AND version_number > 1") == ["trees@2"]
    assert numbers(client, f"run_id = '{run}'") == ["trees@1"]
    assert numbers(client, f"run_id IN ('{run}', 'x')") == ["trees@1"]
    assert numbers(client, "source_path LIKE 's3%' AND name != 'a'") == ["trees@2"]
    assert numbers(client, "tags.k = 'v'") == ["trees@2"]
    assert numbers(client, order_by=["version_number DESC", "name ASC"]) == [
        "trees@2",
        "a@1",
        "trees@1",
    ]
    page = client.get("model-versions/search", max_results=2)
    rest = client.get("model-versions/search", max_results=2, page_token=page["next_page_token"])
    assert [v["version"] for v in rest["model_versions"]] == ["1"]
    assert "next_page_token" not in rest
    for wrong in ("version_number = 1.5", "version_number LIKE '1'", "colour = 'red'", "name"):
        refused = client.refused("GET", "model-versions/search", params={"filter": wrong})
        assert refused[:2] == (400, "INVALID_PARAMETER_VALUE")


# --- aliases and stages


def test_aliases_move_and_are_history(client: Client, workspace: Workspace) -> None:
    register(client)
    register(client)
    for number in ("1", "2", "2"):
        client.post("registered-models/alias", name="trees", alias="best", version=number)
    found = client.get("registered-models/alias", name="trees", alias="best")["model_version"]
    assert (found["version"], found["aliases"]) == ("2", ["best"])
    latest = client.get("registered-models/alias", name="trees", alias="latest")["model_version"]
    assert latest["version"] == "2"
    for _ in range(2):
        body = {"name": "trees", "alias": "best"}
        assert client.ask("DELETE", "registered-models/alias", json=body).status_code == 200
    asked = {"name": "trees", "alias": "best"}
    refused = client.refused("GET", "registered-models/alias", params=asked)
    assert refused == (
        400,
        "INVALID_PARAMETER_VALUE",
        "Registered model alias best not found.",
    )
    moves = workspace.aliases.history(workspace.owner, "trees").moves
    assert [(m.before, m.after) for m in moves] == [(None, 1), (1, 2), (2, None)]


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v1", "V22", "7", "a b", "a/b", "a" * 256])
def test_reserved_and_odd_aliases_are_refused(client: Client, alias: str) -> None:
    register(client)
    body = {"name": "trees", "alias": alias, "version": "1"}
    refused = client.refused("POST", "registered-models/alias", json=body)
    assert refused[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_stages_and_the_newest_version_in_each(client: Client) -> None:
    for _ in range(3):
        register(client)
    for number in ("1", "2"):
        moved = client.post(
            "model-versions/transition-stage", name="trees", version=number, stage="staging"
        )
        assert moved["model_version"]["current_stage"] == "Staging"
    latest = client.post("registered-models/get-latest-versions", name="trees")["model_versions"]
    assert [(v["version"], v["current_stage"]) for v in latest] == [("2", "Staging"), ("3", "None")]
    staged = client.get("registered-models/get-latest-versions", name="trees", stages="Staging")
    assert [v["version"] for v in staged["model_versions"]] == ["2"]
    move = {"name": "trees", "version": "3", "stage": "Staging"}
    client.post("model-versions/transition-stage", **move, archive_existing_versions=True)
    assert [version(client, n)["current_stage"] for n in (1, 2, 3)] == [
        "Archived",
        "Archived",
        "Staging",
    ]
    for wrong in ({"stage": "Nowhere"}, {"stage": "Archived", "archive_existing_versions": True}):
        refused = client.refused("POST", "model-versions/transition-stage", json={**move, **wrong})
        assert refused[:2] == (400, "INVALID_PARAMETER_VALUE")


# --- prompts


def test_prompts_stand_apart_from_models(client: Client, workspace: Workspace) -> None:
    register(client)
    client.post("registered-models/create", name="greeting", tags=PROMPT[:1])
    made = client.post(
        "model-versions/create", name="greeting", source="dummy-source", tags=PROMPT
    )["model_version"]
    assert made["version"] == "1"
    assert names(client) == ["trees"] and numbers(client) == ["trees@1"]
    wanted = "tags.`mlflow.prompt.is_prompt` = 'true'"
    assert names(client, wanted) == ["greeting"] and numbers(client, wanted) == ["greeting@1"]
    assert workspace.models.names(workspace.owner) == ["trees"]
    client.post("registered-models/alias", name="greeting", alias="production", version="1")
    for source, tags in (("s3://b/m", PROMPT), ("dummy-source", [])):
        body = {"name": "greeting", "source": source, "tags": tags}
        assert client.refused("POST", "model-versions/create", json=body)[0] == 400
    for method, path in (("DELETE", "delete-tag"), ("POST", "set-tag")):
        body = {"name": "greeting", "key": "mlflow.prompt.is_prompt", "value": "false"}
        assert client.refused(method, f"registered-models/{path}", json=body)[0] == 400
