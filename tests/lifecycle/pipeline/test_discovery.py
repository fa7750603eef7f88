"""Finding pipelines: by name or model, freshly at each load, with errors in the user's words."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from trueup.foundation.errors import NotFoundError, UsageError, UserCodeError
from trueup.lifecycle.pipeline import discovery

FLIGHTS = """
    from trueup import data, pipeline, step
    from pipelines.shared import LIMIT
    import helpers

    @step
    def count(rows): return {"rows": rows.height}

    @pipeline(model="late")
    def flights(limit: int = LIMIT):
        count(data("flights"))
"""


@pytest.fixture
def project(tmp_path: Path) -> Any:
    def write(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return tmp_path

    write(pipelines__flights=FLIGHTS, pipelines__shared="LIMIT = 3", helpers="")
    return write


def test_is_found_by_name_by_model_or_alone(project: Any) -> None:
    root = project()
    assert discovery.find(root, "flights").name == "flights"
    assert discovery.find(root, "late").name == "flights"
    assert discovery.find(root).name == "flights"


def test_each_load_sees_the_files_as_they_are(project: Any) -> None:
    assert discovery.find(project()).parameters["limit"].default == 3
    root = project(pipelines__shared="LIMIT = 4")
    assert discovery.find(root).parameters["limit"].default == 4


def test_leaves_the_path_and_the_folder_as_they_were(project: Any) -> None:
    before = list(sys.path)
    root = project()
    discovery.load(root)
    assert sys.path == before
    assert not list(root.rglob("__pycache__"))


def test_two_projects_do_not_mix(project: Any, tmp_path: Path) -> None:
    project()
    other = tmp_path / "other"
    (other / "pipelines").mkdir(parents=True)
    text = "from trueup import pipeline\n@pipeline\ndef weather(): ...\n"
    (other / "pipelines" / "flights.py").write_text(text)
    assert set(discovery.load(tmp_path)) == {"flights"}
    assert set(discovery.load(other)) == {"weather"}


def test_a_project_without_pipelines_has_none(tmp_path: Path) -> None:
    assert discovery.load(tmp_path) == {}
    with pytest.raises(NotFoundError) as caught:
        discovery.find(tmp_path)
    assert caught.value.hint == "trueup init"


def test_an_unknown_name_gets_the_near_one(project: Any) -> None:
    with pytest.raises(NotFoundError, match=r"no pipeline 'fligths'.* Did you mean 'flights'\?"):
        discovery.find(project(), "fligths")


def test_a_model_of_two_pipelines_is_ambiguous(project: Any) -> None:
    other = "from trueup import pipeline\n@pipeline(model='late')\ndef trains(): ...\n"
    with pytest.raises(UsageError, match="several pipelines: flights, trains"):
        discovery.find(project(pipelines__trains=other), "late")


def test_two_pipelines_of_one_name_are_refused(project: Any) -> None:
    other = "from trueup import pipeline\n@pipeline\ndef flights(): ...\n"
    message = r"called 'flights': pipelines/a.py:2 and pipelines/flights.py:9"
    with pytest.raises(UsageError, match=message):
        discovery.load(project(pipelines__a=other))


def test_an_imported_pipeline_counts_once(project: Any) -> None:
    root = project(pipelines__again="from pipelines.flights import flights")
    assert set(discovery.load(root)) == {"flights"}


def test_an_error_in_a_file_shows_only_the_users_lines(project: Any) -> None:
    root = project(helpers="import json\njson.loads('no')")
    with pytest.raises(UserCodeError, match=r"failed at helpers.py:2: JSONDecodeError") as caught:
        discovery.load(root)
    assert [f["file"] for f in caught.value.context["frames"]] == [
        "pipelines/flights.py",
        "helpers.py",
    ]


def test_a_syntax_error_is_shown_with_its_line(project: Any) -> None:
    with pytest.raises(UserCodeError, match=r"failed at pipelines/bad.py:2: SyntaxError"):
        discovery.load(project(pipelines__bad="x = 1\ndef ("))


def test_a_file_cannot_end_the_process(project: Any) -> None:
    with pytest.raises(UserCodeError, match="tried to end the process"):
        discovery.load(project(pipelines__bad="import sys\nsys.exit(0)"))


def test_a_wrong_decorator_keeps_its_own_error(project: Any) -> None:
    text = "from trueup import pipeline\n@pipeline(schedule='daily')\ndef x(): ...\n"
    with pytest.raises(UsageError) as caught:
        discovery.load(project(pipelines__bad=text))
    assert caught.value.code == "schedule-invalid"


def test_tests_and_private_files_are_not_loaded(project: Any) -> None:
    root = project(pipelines__test_flights="raise Exception", pipelines___private="raise Exception")
    assert set(discovery.load(root)) == {"flights"}


def test_a_package_file_is_honoured(project: Any) -> None:
    (project() / "pipelines" / "__init__.py").write_text("WORD = 1")
    root = project(pipelines__shared="from pipelines import WORD as LIMIT")
    assert discovery.find(root).parameters["limit"].default == 1


def test_a_wrong_option_is_shown_with_its_file_in_the_project(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    text = "from trueup import step\n\n@step(retry=1)\ndef work(): ...\n"
    (tmp_path / "pipelines" / "flights.py").write_text(text)
    with pytest.raises(UsageError) as caught:
        discovery.load(tmp_path)
    assert caught.value.message.startswith("pipelines/flights.py:3: @step(…): there is no option")
