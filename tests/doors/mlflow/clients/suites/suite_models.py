"""Models: logged, loaded, registered, named by aliases and stages; prompts."""

from __future__ import annotations

from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

client = MlflowClient()
ROWS = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
LABELS = [0, 0, 1, 1]
IS_3 = int(mlflow.__version__.split(".")[0]) >= 3


def log_model(**more: Any) -> Any:
    """Log a small model in a run of its own."""
    model = LogisticRegression().fit(ROWS, LABELS)
    place = {"name": "model"} if IS_3 else {"artifact_path": "model"}
    more.setdefault("pip_requirements", ["scikit-learn"])  # else its imports are searched for: 5 s
    with mlflow.start_run():
        return mlflow.sklearn.log_model(
            model, signature=infer_signature(ROWS, np.array([0, 1])), **place, **more
        )


@pytest.fixture(scope="module")
def logged() -> Any:
    """A model that one run logged."""
    mlflow.set_experiment("models")
    return log_model(input_example=ROWS[:2])


@pytest.fixture
def registered(logged: Any, name: str) -> str:
    """A registered model with two versions."""
    for _ in range(2):
        mlflow.register_model(logged.model_uri, name)
    return name


def test_a_model_comes_back_and_predicts(logged: Any) -> None:
    as_function = mlflow.pyfunc.load_model(logged.model_uri)
    assert as_function.predict(ROWS).tolist() == LABELS
    assert as_function.metadata.signature.inputs.input_names() == ["a", "b"]
    assert mlflow.sklearn.load_model(logged.model_uri).predict(ROWS).tolist() == LABELS
    of_run = mlflow.sklearn.load_model(f"runs:/{logged.run_id}/model")
    assert of_run.predict(ROWS).tolist() == LABELS
    with pytest.raises(MlflowException):
        as_function.predict(pd.DataFrame({"other": [1.0]}))


@pytest.mark.client_3
def test_a_logged_model_has_a_life_of_its_own(logged: Any) -> None:
    found = mlflow.get_logged_model(logged.model_id)
    assert (found.name, str(found.status), found.source_run_id) == (
        "model",
        "READY",
        logged.run_id,
    )
    mlflow.set_logged_model_tags(logged.model_id, {"team": "blue", "x": "1"})
    mlflow.delete_logged_model_tag(logged.model_id, "x")
    tags = mlflow.get_logged_model(logged.model_id).tags
    assert (tags["team"], "x" in tags) == ("blue", False)
    mlflow.log_metric("acc", 0.75, model_id=logged.model_id, run_id=logged.run_id)
    ids = [m.model_id for m in mlflow.search_logged_models(output_format="list")]
    assert logged.model_id in ids
    best = mlflow.search_logged_models(
        filter_string="metrics.acc > 0.5",
        order_by=[{"field_name": "metrics.acc", "ascending": False}],
        output_format="list",
    )
    assert [m.model_id for m in best] == [logged.model_id]
    outputs = client.get_run(logged.run_id).outputs.model_outputs
    assert [each.model_id for each in outputs] == [logged.model_id]


@pytest.mark.client_3
def test_a_model_from_outside_and_one_that_failed(experiment: str) -> None:
    made = mlflow.create_external_model(name="elsewhere", params={"a": "1"}, model_type="agent")
    found = mlflow.get_logged_model(made.model_id)
    assert (str(found.status), found.params, found.model_type) == ("READY", {"a": "1"}, "agent")
    failing = mlflow.initialize_logged_model(name="halfway", params={"b" * 10: "y" * 300})
    assert str(mlflow.get_logged_model(failing.model_id).status) == "PENDING"
    mlflow.finalize_logged_model(failing.model_id, "FAILED")
    assert str(mlflow.get_logged_model(failing.model_id).status) == "FAILED"
    client.delete_logged_model(failing.model_id)
    ids = [m.model_id for m in client.search_logged_models([experiment])]
    assert ids == [made.model_id]


def test_versions_count_and_lead_to_their_files(logged: Any, registered: str) -> None:
    versions = client.search_model_versions(f"name = '{registered}'")
    assert sorted(str(v.version) for v in versions) == ["1", "2"]
    found = client.get_model_version(registered, "1")
    assert (found.run_id, found.status, found.current_stage) == (logged.run_id, "READY", "None")
    loaded = mlflow.pyfunc.load_model(f"models:/{registered}/2")
    assert loaded.predict(ROWS).tolist() == LABELS
    assert client.get_model_version_download_uri(registered, "1")
    latest = mlflow.pyfunc.load_model(f"models:/{registered}/latest")
    assert latest.predict(ROWS).tolist() == LABELS


def test_a_model_is_registered_as_it_is_logged(experiment: str, name: str) -> None:
    log_model(registered_model_name=name)
    log_model(registered_model_name=name)
    assert len(client.search_model_versions(f"name = '{name}'")) == 2
    assert client.get_registered_model(name).latest_versions[-1].version in ("2", 2)


def test_aliases_name_versions(registered: str) -> None:
    client.set_registered_model_alias(registered, "blue", "1")
    client.set_registered_model_alias(registered, "green", "2")
    assert str(client.get_model_version_by_alias(registered, "blue").version) == "1"
    client.set_registered_model_alias(registered, "blue", "2")
    assert sorted(client.get_model_version(registered, "2").aliases) == ["blue", "green"]
    aliases = client.get_registered_model(registered).aliases
    assert {key: str(value) for key, value in aliases.items()} == {"blue": "2", "green": "2"}
    loaded = mlflow.pyfunc.load_model(f"models:/{registered}@green")
    assert loaded.predict(ROWS).tolist() == LABELS
    client.delete_registered_model_alias(registered, "blue")
    with pytest.raises(MlflowException, match="alias blue not found") as refused:
        client.get_model_version_by_alias(registered, "blue")
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    for bad in ("latest", "v1", ""):
        with pytest.raises(MlflowException):
            client.set_registered_model_alias(registered, bad, "1")


@pytest.mark.filterwarnings("ignore")
def test_stages_hold_versions(registered: str) -> None:
    moved = client.transition_model_version_stage(registered, "1", "Staging")
    assert moved.current_stage == "Staging"
    client.transition_model_version_stage(
        registered, "2", "Staging", archive_existing_versions=True
    )
    assert client.get_model_version(registered, "1").current_stage == "Archived"
    (staged,) = client.get_latest_versions(registered, ["Staging"])
    assert str(staged.version) == "2"
    loaded = mlflow.pyfunc.load_model(f"models:/{registered}/Staging")
    assert loaded.predict(ROWS).tolist() == LABELS
    with pytest.raises(MlflowException, match="Invalid Model Version stage"):
        client.transition_model_version_stage(registered, "1", "Nowhere")


def test_models_and_versions_carry_words(registered: str) -> None:
    client.update_registered_model(registered, description="what it is for")
    client.update_model_version(registered, "1", description="the first")
    client.set_registered_model_tag(registered, "team", "blue")
    client.set_model_version_tag(registered, "1", "checked", "yes")
    client.set_model_version_tag(registered, "1", "other", "no")
    client.delete_model_version_tag(registered, "1", "other")
    model = client.get_registered_model(registered)
    assert (model.description, model.tags) == ("what it is for", {"team": "blue"})
    version = client.get_model_version(registered, "1")
    assert (version.description, version.tags) == ("the first", {"checked": "yes"})
    client.delete_registered_model_tag(registered, "team")
    assert client.get_registered_model(registered).tags == {}
    found = client.search_model_versions(f"name = '{registered}' and tags.checked = 'yes'")
    assert [str(v.version) for v in found] == ["1"]
    found = client.search_registered_models(f"name ILIKE '{registered.upper()}'")
    assert [m.name for m in found] == [registered]


def test_models_are_renamed_copied_and_deleted(registered: str, name: str) -> None:
    other = f"{name}-other"
    copied = client.copy_model_version(f"models:/{registered}/1", other)
    assert (copied.name, str(copied.version)) == (other, "1")
    assert mlflow.pyfunc.load_model(f"models:/{other}/1").predict(ROWS).tolist() == LABELS
    client.rename_registered_model(registered, f"{name}-new")
    assert len(client.search_model_versions(f"name = '{name}-new'")) == 2
    with pytest.raises(MlflowException) as refused:
        client.get_registered_model(registered)
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    client.delete_model_version(f"{name}-new", "1")
    assert len(client.search_model_versions(f"name = '{name}-new'")) == 1
    client.delete_registered_model(f"{name}-new")
    assert client.search_registered_models(f"name = '{name}-new'") == []


def test_a_name_is_taken_once(name: str) -> None:
    client.create_registered_model(name, tags={"a": "1"}, description="d")
    with pytest.raises(MlflowException) as refused:
        client.create_registered_model(name)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
    with pytest.raises(MlflowException) as refused:
        client.get_model_version(name, "1")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    for bad in ("", "a/b", "a:b"):
        with pytest.raises(MlflowException) as refused:
            client.create_registered_model(bad)
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_version_cannot_lead_to_files_of_the_server(name: str) -> None:
    client.create_registered_model(name)
    for source in ("file:///etc", "/etc/passwd", "mlflow-artifacts:/../../etc", "models:/m-none"):
        with pytest.raises(MlflowException):
            client.create_model_version(name, source)
    assert client.search_model_versions(f"name = '{name}'") == []


def test_a_function_is_a_model(experiment: str) -> None:
    class Doubling(mlflow.pyfunc.PythonModel):
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return model_input * 2

    place = {"name": "double"} if IS_3 else {"artifact_path": "double"}
    with mlflow.start_run():
        logged = mlflow.pyfunc.log_model(
            python_model=Doubling(), pip_requirements=["pandas"], **place
        )
    doubled = mlflow.pyfunc.load_model(logged.model_uri).predict(pd.DataFrame({"a": [1, 2]}))
    assert doubled["a"].tolist() == [2, 4]


@pytest.mark.client_3
def test_prompts_are_kept_by_version(name: str) -> None:
    mlflow.genai.register_prompt(name=name, template="Greet {{person}}.", commit_message="first")
    mlflow.genai.register_prompt(name=name, template="Greet {{person}} well.", tags={"t": "1"})
    mlflow.genai.set_prompt_alias(name, alias="live", version=1)
    assert mlflow.genai.load_prompt(f"prompts:/{name}@live").format(person="Ada") == "Greet Ada."
    second = mlflow.genai.load_prompt(name, version=2)
    assert (second.version, second.template) == (2, "Greet {{person}} well.")
    assert mlflow.genai.load_prompt("prompts:/nobody/1", allow_missing=True) is None
    assert name in [p.name for p in mlflow.genai.search_prompts()]
    assert name not in [m.name for m in client.search_registered_models()]
