"""A function or a network of the project becomes a model with all files that it needs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trueup import function_model, tensor_model
from trueup.backends.blobs.local import Backend
from trueup.foundation.errors import UsageError
from trueup.lifecycle.pipeline.passing import keeping, values
from trueup.lifecycle.pipeline.records import Place

FILES = {
    "own_scoring.py": """
import json, numpy
from own_parts.shapes import bent
import own_nets
def prepare(data):
    return json.loads(data["w"])
def predict(rows, weight):
    return bent(rows) * weight
def plain(rows):
    return bent(rows)
class Holder:
    def method(self, rows):
        return rows
def make(width):
    return own_nets.Line(width)
inner = (lambda: (lambda rows: rows))()
""",
    "own_parts/__init__.py": "",
    "own_parts/shapes.py": "def bent(rows):\n    return rows\n",
    "own_parts/unused.py": "raise SystemExit\n",
    "own_nets.py": """
import numpy as np
class Line:
    def __init__(self, width, depth=1):
        self.w = np.zeros(width)
    def state_dict(self):
        return {"w": self.w}
    def load_state_dict(self, given):
        self.w = given["w"]
""",
}


@pytest.fixture
def scoring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("own_scoring")
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def test_a_function_brings_the_files_that_it_imports_and_no_others(scoring: Any) -> None:
    model = function_model(scoring.predict, prepare=scoring.prepare, data={"w": b"3"})
    assert (model.sources.entry, model.prepare) == ("own_scoring:predict", "own_scoring:prepare")
    assert sorted(model.sources.files) == sorted(set(FILES) - {"own_parts/unused.py"})
    assert model(2) == 6


def test_a_function_in_a_folder_brings_what_importing_the_folder_runs(scoring: Any) -> None:
    model = function_model(sys.modules["own_parts.shapes"].bent)
    assert sorted(model.sources.files) == ["own_parts/__init__.py", "own_parts/shapes.py"]


def test_another_step_gets_the_model_from_its_bytes_and_calls_it(
    scoring: Any, tmp_path: Path
) -> None:
    blobs = Backend(f"local://{tmp_path / 'blobs'}")
    model = function_model(scoring.predict, prepare=scoring.prepare, data={"w": b"3"})
    stored = keeping.store(blobs, model, "train", Place("pipelines/own.py", 1))
    assert (stored.kind, stored.format) == ("model", "function")
    for file in tmp_path.glob("own_*.py"):
        file.unlink()
    assert values.load(blobs, stored)(2) == 6


def test_installed_packages_are_named_with_their_versions(scoring: Any) -> None:
    model = function_model(scoring.plain, requirements=["other>=2"])
    assert model.sources.requirements == (f"numpy=={np.__version__}", "other>=2")


def test_what_is_no_name_of_a_file_of_the_project_is_refused(scoring: Any) -> None:
    for wrong in (len, np.mean, scoring.inner, scoring.Holder().method, scoring.Holder.method):
        with pytest.raises(UsageError) as caught:
            function_model(wrong)
        assert caught.value.code == "model-package"


def test_a_file_that_changed_since_it_was_imported_is_refused(scoring: Any) -> None:
    file = Path("own_scoring.py")
    file.write_text(file.read_text().replace("bent(rows)", "bent(rows) + 1"))
    with pytest.raises(UsageError, match="changed since"):
        function_model(scoring.plain)


def test_a_network_says_what_builds_it_with_which_arguments(scoring: Any) -> None:
    nets = sys.modules["own_nets"]
    model = tensor_model(nets.Line(3), arguments={"width": 3})
    assert (model.sources.entry, model.arguments) == ("own_nets:Line", {"width": 3})
    made = tensor_model(nets.Line(3), scoring.make, arguments={"width": 3})
    assert made.sources.entry == "own_scoring:make"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"width": 2}, r"builds other tensors .*'w' is \(2,\), not \(3,\)"),
        ({}, "cannot be built again"),
        ({"width": 3, "depth": object()}, "no plain data|not plain data"),
    ],
)
def test_arguments_that_do_not_build_it_again_are_refused(
    scoring: Any, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        tensor_model(sys.modules["own_nets"].Line(3), arguments=arguments)
