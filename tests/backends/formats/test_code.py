"""Models that are code: what is read without running, what their modules see, what is refused."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trueup.backends.formats import _modules, _package, function, safetensors
from trueup.foundation.errors import BackendError, DeniedError, UsageError, UserCodeError
from trueup.ports.code import Sources, TensorModel

ROWS = pl.DataFrame({"a": [0.0, 1.0, 2.0]})
DOUBLE = b"def predict(rows):\n    return rows['a'] * 2\n"


def packed(
    entry: str = "scoring:predict",
    data: Mapping[str, bytes] | None = None,
    prepare: str = "",
    requirements: tuple[str, ...] = (),
    **files: bytes,
) -> bytes:
    """A package; `a__b` stands for the file `a/b.py`."""
    named = {f"{name.replace('__', '/')}.py": raw for name, raw in files.items()}
    return _package.write(Sources(entry, named, requirements), prepare, data)


def answers(raw: bytes, rows: pl.DataFrame = ROWS) -> list[float]:
    form = function.Backend()
    return form.predictor(form.load(raw))(rows).tolist()


# --- what its modules see


def test_two_versions_of_one_file_live_side_by_side() -> None:
    triple = DOUBLE.replace(b"2", b"3")
    assert answers(packed(scoring=DOUBLE)) == [0, 2, 4]
    assert answers(packed(scoring=triple)) == [0, 3, 6]
    assert answers(packed(scoring=DOUBLE)) == [0, 2, 4]
    assert "scoring" not in sys.modules


@pytest.mark.parametrize(
    "line",
    [
        "from shapes import FACTOR",
        "import shapes; FACTOR = shapes.FACTOR",
        "import inner.deep; FACTOR = inner.deep.FACTOR",
        "import inner.deep as deep; FACTOR = deep.FACTOR",
        "from inner import deep; FACTOR = deep.FACTOR",
        "from inner.deep import *",
    ],
)
def test_files_import_each_other_as_they_were_written(line: str) -> None:
    code = f"{line}\ndef predict(rows):\n    return rows['a'] * FACTOR\n".encode()
    deep = b"from shapes import FACTOR\nfrom . import near\nassert near.HERE\n"
    files = {"inner__deep": deep, "inner__near": b"HERE = True", "shapes": b"FACTOR = 5"}
    assert answers(packed(scoring=code, **files)) == [0, 5, 10]


def test_an_import_inside_a_function_sees_the_same_files() -> None:
    late = b"def predict(rows):\n    from shapes import FACTOR\n    return rows['a'] * FACTOR\n"
    assert answers(packed(scoring=late, shapes=b"FACTOR = 7")) == [0, 7, 14]


def test_python_and_what_is_installed_may_be_imported() -> None:
    code = b"import json, numpy as np\ndef predict(rows):\n    return np.ones(len(rows))\n"
    assert answers(packed(scoring=code)) == [1, 1, 1]


def test_a_file_that_merely_lies_on_this_machine_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lying_about.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserCodeError, match="neither installed nor part of the model"):
        answers(packed(scoring=b"import lying_about\n" + DOUBLE))


def test_a_requirement_that_is_not_installed_is_named() -> None:
    with pytest.raises(BackendError, match="'no-such-thing==2'") as caught:
        answers(packed(requirements=("no-such-thing==2",), scoring=DOUBLE))
    assert caught.value.hint == "pip install 'no-such-thing==2'"


@pytest.mark.parametrize("code", [b"raise ValueError('odd')", b"import sys\nsys.exit(3)"])
def test_what_the_code_raises_is_said_with_its_place(code: bytes) -> None:
    with pytest.raises(UserCodeError, match=r"scoring\.py:\d") as caught:
        answers(packed(scoring=code))
    assert caught.value.code == "model-code-failed"


def test_a_name_that_is_not_there_or_no_function_is_refused() -> None:
    for code in (b"", b"predict = 3"):
        with pytest.raises(UserCodeError, match="predict"):
            answers(packed(scoring=code))


# --- data


def test_the_data_comes_as_second_argument() -> None:
    code = b"def predict(rows, data):\n    return rows['a'] * len(data['x/y.bin'])\n"
    assert answers(packed(data={"x/y.bin": b"1234"}, scoring=code)) == [0, 4, 8]


def test_what_prepare_makes_of_the_data_is_made_once() -> None:
    code = (
        b"CALLS = []\ndef prepare(data):\n    CALLS.append(1)\n    return len(data['x'])\n"
        b"def predict(rows, size):\n    return rows['a'] * size * len(CALLS)\n"
    )
    form = function.Backend()
    model = form.load(packed(data={"x": b"12"}, prepare="scoring:prepare", scoring=code))
    score = form.predictor(model)
    assert (score(ROWS).tolist(), score(ROWS).tolist()) == ([0, 2, 4], [0, 2, 4])


@pytest.mark.parametrize("answer", ["[1, 2]", "'abc'", "[[[1]]] * 3", "[1] * 6", "[['a']] * 3"])
def test_an_answer_that_is_no_numbers_for_each_row_is_refused(answer: str) -> None:
    code = f"def predict(rows):\n    return {answer}\n".encode()
    with pytest.raises(UsageError) as caught:
        answers(packed(scoring=code))
    assert caught.value.code == "model-output"


def test_several_numbers_a_row_are_given_in_their_order() -> None:
    code = b"def predict(rows):\n    return [[a, a + 1, a + 2] for a in rows['a']]\n"
    assert answers(packed(scoring=code)) == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]


# --- the package


def test_equal_files_give_equal_bytes_in_any_order() -> None:
    one = {"b.py": b"2", "a.py": b"1"}
    other = dict(reversed(one.items()))
    assert _package.write(Sources("a:f", one)) == _package.write(Sources("a:f", other))


def test_reading_about_a_model_runs_nothing() -> None:
    raw = packed(data={"table": b"12"}, requirements=("numpy==1",), scoring=b"raise SystemExit")
    assert function.Backend().facts(io.BytesIO(raw)) == {
        "calls": "scoring:predict",
        "prepares": "",
        "source": "1 file (16 bytes)",
        "brings": "table (2 bytes)",
        "needs": "numpy==1",
    }


def forged(change: Callable[[zipfile.ZipFile], None]) -> bytes:
    """A sound package, and something more."""
    file = io.BytesIO(packed(scoring=DOUBLE))
    with zipfile.ZipFile(file, "a") as archive:
        change(archive)
    return file.getvalue()


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("source/z.py")
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "change",
    [
        lambda z: z.writestr("source/../../x.py", b""),
        lambda z: z.writestr("/etc/x", b""),
        lambda z: z.writestr("source/x\\y.py", b""),
        lambda z: z.writestr("source/x.so", b""),
        lambda z: z.writestr("source/x.pyc", b""),
        lambda z: z.writestr("source/scoring.py", b"other"),
        lambda z: z.writestr("source/z.py", b"# " * 20, compress_type=zipfile.ZIP_DEFLATED),
        lambda z: z.writestr(link(), b"/etc/passwd"),
        lambda z: z.mkdir("source/z"),
        lambda z: z.writestr("else/where", b""),
    ],
)
def test_a_forged_package_is_refused(change: Callable[[zipfile.ZipFile], None]) -> None:
    with pytest.raises(DeniedError) as caught:
        function.Backend().load(forged(change))
    assert caught.value.code == "model-unsafe"


@pytest.mark.parametrize("entry", ["os:system", "scoring", "scoring:a.b", "scoring:", ".scoring:f"])
def test_an_entry_outside_the_files_is_no_package(entry: str) -> None:
    with pytest.raises(UsageError, match="no name in its files"):
        packed(entry, scoring=DOUBLE)


def test_names_that_lead_out_are_not_written() -> None:
    with pytest.raises(UsageError, match="leads out"):
        packed(data={"../x": b""}, scoring=DOUBLE)


# --- tensors and their network

LINE = b"""
class Line:
    def __init__(self, width, scale=1.0):
        import numpy as np
        self.w, self.scale = np.zeros(width), scale
    def state_dict(self):
        return {"w": self.w}
    def load_state_dict(self, given):
        self.w = given["w"]
    def __call__(self, rows):
        return rows @ self.w * self.scale
"""


def line() -> TensorModel:
    sources = Sources("nets:Line", {"nets.py": LINE})
    (build,) = _modules.load(sources, "nets:Line")
    network = build(width=1, scale=0.5)
    network.load_state_dict({"w": np.array([3.0])})
    return TensorModel(sources, {"width": 1, "scale": 0.5}, network)


def test_a_network_comes_back_with_its_arguments_and_tensors() -> None:
    form = safetensors.Backend()
    assert form.predictor(form.load(form.dump(line())))(ROWS).tolist() == [0, 1.5, 3]


def test_any_reader_of_safetensors_finds_the_tensors() -> None:
    from safetensors import numpy

    assert numpy.load(safetensors.Backend().dump(line()))["w"].tolist() == [3]


def test_reading_about_a_network_runs_nothing() -> None:
    harmful = Sources("nets:Line", {"nets.py": b"raise SystemExit"})
    raw = safetensors.Backend().dump(replace(line(), sources=harmful))
    assert safetensors.Backend().facts(io.BytesIO(raw)) == {
        "builds": "nets:Line(scale=0.5, width=1)",
        "tensors": "1 of numpy (1 numbers)",
        "source": "1 file (16 bytes)",
        "needs": "",
    }


def test_equal_networks_give_equal_bytes_in_every_process() -> None:
    code = (
        "import hashlib, runpy, sys; here = runpy.run_path(sys.argv[1])\n"
        "print(hashlib.sha256(here['safetensors'].Backend().dump(here['line']())).hexdigest())"
    )
    command = [sys.executable, "-c", code, __file__]
    elsewhere = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    here = hashlib.sha256(safetensors.Backend().dump(line())).hexdigest()
    assert elsewhere.strip() == here


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"b3:", b"b4:"), (b"nets:Line", b"nets:Cave"), (b'layout\\":1', b'layout\\":2')],
)
def test_a_forged_network_is_refused(before: bytes, after: bytes) -> None:
    raw = safetensors.Backend().dump(line())
    assert before in raw
    with pytest.raises(DeniedError) as caught:
        safetensors.Backend().load(raw.replace(before, after, 1))
    assert caught.value.code == "model-unsafe"


def test_tensors_alone_are_no_model() -> None:
    from safetensors import numpy

    with pytest.raises(DeniedError, match="belong to"):
        safetensors.Backend().load(numpy.save({"w": np.zeros(2)}))


# --- torch

TORCH = b"""
import torch
class Net(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.one = torch.nn.Linear(1, width)
        self.two = torch.nn.Linear(width, 1)
        self.drop = torch.nn.Dropout(0.9)
        self.tied = self.two
    def forward(self, rows):
        return torch.sigmoid(self.two(self.drop(torch.relu(self.one(rows)))))
"""


def test_a_network_of_torch_answers_as_it_did() -> None:
    torch = pytest.importorskip("torch", reason="needs pip install 'trueup[torch]'")
    sources = Sources("nets:Net", {"nets.py": TORCH})
    (build,) = _modules.load(sources, "nets:Net")
    torch.manual_seed(3)
    network = build(width=4)
    form = safetensors.Backend()
    raw = form.dump(TensorModel(sources, {"width": 4}, network))
    scores = form.predictor(form.load(raw))(ROWS)
    expected = network.eval()(torch.tensor([[0.0], [1.0], [2.0]])).detach().numpy()[:, 0]
    assert np.array_equal(scores, expected.astype(np.float64))
    assert form.facts(io.BytesIO(raw))["tensors"] == "6 of torch (18 numbers)"
