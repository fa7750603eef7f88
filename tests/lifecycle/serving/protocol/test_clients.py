"""Triton's own clients ask a real server, unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..processes import Process

triton = pytest.importorskip("tritonclient.http", reason="pip install 'tritonclient[http]'")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the deployment `late` of m@1, which wants `x` and answers a tenth of it, is asked."""
    folder: Path = tmp_path_factory.mktemp("served") / "journal"
    server = Process(folder)
    yield f"127.0.0.1:{server.port}"
    server.process.kill()
    server.process.communicate()


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    made = triton.InferenceServerClient(url)
    yield made
    made.close()


def sent(values: Any, datatype: str = "FP64", *, as_bytes: bool = True) -> Any:
    tensor = triton.InferInput("x", list(values.shape), datatype)
    tensor.set_data_from_numpy(values, binary_data=as_bytes)
    return tensor


def test_health_and_descriptions(client: Any) -> None:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("late") and client.is_model_ready("late", "1")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    assert client.get_model_metadata("late", "1")["inputs"][0]["name"] == "x"
    (listed,) = client.get_model_repository_index()
    assert (listed["name"], listed["version"], listed["state"]) == ("late", "1", "READY")


@pytest.mark.parametrize("way", [None, "gzip", "deflate"])
@pytest.mark.parametrize(
    ("datatype", "dtype"),
    [("FP64", "f8"), ("FP32", "f4"), ("FP16", "f2"), ("INT8", "i1"), ("UINT16", "u2")],
)
def test_bytes_and_compression_both_ways(
    client: Any, datatype: str, dtype: str, way: str | None
) -> None:
    values = np.arange(700).astype(dtype).reshape(-1, 1)
    answer = client.infer(
        "late",
        [sent(values, datatype)],
        request_id="r7",
        request_compression_algorithm=way,
        response_compression_algorithm=way,
    )
    assert answer.get_response()["id"] == "r7"
    np.testing.assert_allclose(answer.as_numpy("score"), values[:, 0].astype("f8") / 10)
    assert len(answer.as_numpy("prediction_id")) == 700


@pytest.mark.parametrize("as_bytes", [True, False])
def test_outputs_are_chosen(client: Any, as_bytes: bool) -> None:
    output = triton.InferRequestedOutput("score", binary_data=as_bytes)
    inputs = [sent(np.array([1.0, 2.0]), as_bytes=not as_bytes)]
    answer = client.infer("late", inputs, outputs=[output], model_version="1")
    (only,) = answer.get_response()["outputs"]
    assert ("data" in only) != as_bytes
    assert answer.as_numpy("score").tolist() == [0.1, 0.2]


def test_the_client_understands_each_refusal(client: Any) -> None:
    x = [sent(np.array([1.0]))]
    for ask, status, words in (
        (lambda: client.infer("lat", x), "404", "no deployment 'lat'"),
        (lambda: client.infer("late", x, model_version="9"), "404", "it serves 1"),
        (lambda: client.unload_model("late"), "409", "do not change that"),
        (lambda: client.infer("late", [*x, *x]), "400", "given twice"),
    ):
        with pytest.raises(triton.InferenceServerException, match=words) as refused:
            ask()
        assert refused.value.status() == status
    client.load_model("late")


def test_the_asynchronous_client_is_answered(url: str) -> None:
    from tritonclient.http import aio

    async def ask() -> Any:
        async with aio.InferenceServerClient(url) as asking:
            return await asking.infer("late", [sent(np.array([[1.0], [2.5]]))])

    assert asyncio.run(ask()).as_numpy("score").tolist() == [0.1, 0.25]
