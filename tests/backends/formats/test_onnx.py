"""An ONNX model is one file, and all its operators are ONNX's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from trueup.foundation.errors import DeniedError, UsageError
from trueup.ports import loading
from trueup.ports.format import Format

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def form() -> Format:
    found: Format = loading.load("formats", "onnx")()
    return found


def model(domain: str = "", operator: str = "Identity", *tensors: Any) -> Any:
    make, number = onnx.helper, onnx.TensorProto.FLOAT
    graph = make.make_graph(
        [make.make_node(operator, ["x"], ["y"], domain=domain)],
        "g",
        [make.make_tensor_value_info("x", number, [None, 1])],
        [make.make_tensor_value_info("y", number, [None, 1])],
        list(tensors),
    )
    opsets = [make.make_opsetid("", 17), *([make.make_opsetid(domain, 1)] if domain else [])]
    return make.make_model(graph, opset_imports=opsets, ir_version=9)


def external(location: str) -> Any:
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


@pytest.mark.parametrize("place", ["/etc/passwd", "../../secret", "weights.bin"])
def test_tensors_in_other_files_are_refused(form: Format, place: str) -> None:
    raw = model("", "Identity", external(place)).SerializeToString()
    with pytest.raises(DeniedError, match="another file") as caught:
        form.load(raw)
    assert caught.value.code == "model-unsafe"


def test_a_tensor_deep_in_a_branch_is_found(form: Format) -> None:
    made = model()
    inner = onnx.helper.make_graph([], "inner", [], [], [external("/etc/passwd")])
    made.graph.node[0].attribute.append(onnx.helper.make_attribute("then_branch", inner))
    with pytest.raises(DeniedError, match="another file"):
        form.load(made.SerializeToString())


@pytest.mark.parametrize("domain", ["com.microsoft", "evil", "ai.onnx.contrib"])
def test_operators_of_others_are_refused(form: Format, domain: str) -> None:
    raw = model(domain, "PyOp").SerializeToString()
    with pytest.raises(DeniedError, match=f"{domain}.PyOp"):
        form.load(raw)
    with pytest.raises(DeniedError):
        form.dump(model(domain, "PyOp"))


def test_an_input_for_each_column_takes_text_and_numbers(form: Format) -> None:
    make, kinds = onnx.helper, onnx.TensorProto
    graph = make.make_graph(
        [
            make.make_node(
                "LabelEncoder",
                ["carrier"],
                ["known"],
                domain="ai.onnx.ml",
                keys_strings=["AA", "UA"],
                values_floats=[0.25, 0.5],
                default_float=0.0,
            ),
            make.make_node("Add", ["known", "delay"], ["score"]),
        ],
        "g",
        [
            make.make_tensor_value_info("delay", kinds.FLOAT, [None, 1]),
            make.make_tensor_value_info("carrier", kinds.STRING, [None, 1]),
        ],
        [make.make_tensor_value_info("score", kinds.FLOAT, [None, 1])],
    )
    opsets = [make.make_opsetid("", 17), make.make_opsetid("ai.onnx.ml", 3)]
    made = make.make_model(graph, opset_imports=opsets, ir_version=9)
    score = form.predictor(form.load(form.dump(made)))
    rows = pl.DataFrame({"carrier": ["UA", "AA", None], "delay": [1.0, 2.0, 3.0]})
    assert np.allclose(score(rows), [1.5, 2.25, 3.0])
    with pytest.raises(UsageError) as caught:
        score(rows.rename({"delay": "wait"}))
    assert caught.value.code == "model-input-absent"


def test_a_file_is_not_changed_by_being_kept(form: Format, tmp_path: Path) -> None:
    raw = form.dump(model())
    assert form.dump(onnx.ModelProto.FromString(raw)) == raw
