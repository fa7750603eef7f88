"""gRPC: Triton's own client against the real service, and raw messages."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trueup.foundation.errors import UsageError
from trueup.lifecycle.serving.journal.reader import read

from ..conftest import Server

grpc = pytest.importorskip("grpc", reason="pip install 'trueup[grpc]'")
triton = pytest.importorskip("tritonclient.grpc", reason="pip install 'tritonclient[grpc]'")

from trueup.lifecycle.serving.rpc.front import Grpc
from trueup.lifecycle.serving.rpc.messages import MESSAGES


@pytest.fixture
def opened(start: Callable[..., Server]) -> Iterator[tuple[Server, str]]:
    """A server with the deployment `late`, and where it speaks gRPC."""
    server = start()
    server.serve((1, "flights@1", 1.0))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    front = Grpc(server.application, "127.0.0.1", 0)
    asyncio.run_coroutine_threadsafe(front.open(), loop).result(10)
    yield server, f"127.0.0.1:{front.port}"
    asyncio.run_coroutine_threadsafe(front.close(1), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def client(opened: tuple[Server, str]) -> Iterator[Any]:
    made = triton.InferenceServerClient(opened[1])
    yield made
    made.close()


def inputs(distances: list[float]) -> list[Any]:
    n = len(distances)
    columns = [
        ("distance", "FP64", np.array(distances)),
        ("hour", "INT64", np.full(n, 7)),
        ("carrier", "BYTES", np.array(["UA"] * n, dtype=object)),
    ]
    made = []
    for name, datatype, values in columns:
        tensor = triton.InferInput(name, [n], datatype)
        tensor.set_data_from_numpy(values)
        made.append(tensor)
    return made


def test_tritons_client_is_answered_and_recorded(client: Any, folder: Path) -> None:
    answer = client.infer("late", inputs([5.0, 2.0]), request_id="mine")
    assert answer.as_numpy("score").tolist() == [0.5, 0.2]
    assert answer.get_response().id == "mine"
    ids = [raw.decode() for raw in answer.as_numpy("prediction_id")]
    (record,) = [record for record, _ in read(folder)]
    assert ids == [f"{record.request}-0", f"{record.request}-1"]


def test_it_says_what_there_is(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("late")
    assert client.is_model_ready("late", "1")
    assert not client.is_model_ready("later")
    assert "binary_tensor_data" in client.get_server_metadata().extensions
    metadata = client.get_model_metadata("late")
    assert [each.name for each in metadata.inputs] == ["distance", "hour", "carrier"]
    assert metadata.versions == ["1"]


@pytest.mark.parametrize(
    ("model", "version", "change", "code"),
    [
        ("later", "", None, "NOT_FOUND"),
        ("late", "9", None, "NOT_FOUND"),
        ("late/infer", "", None, "INVALID_ARGUMENT"),
        ("late", "", "drop", "INVALID_ARGUMENT"),
    ],
)
def test_a_refusal_has_its_code_and_says_why(
    client: Any, model: str, version: str, change: str | None, code: str
) -> None:
    sent = inputs([1.0])[: 2 if change else 3]
    with pytest.raises(triton.InferenceServerException) as refused:
        client.infer(model, sent, model_version=version)
    assert refused.value.status() == f"StatusCode.{code}"
    assert refused.value.message()


def test_values_may_come_typed_instead_of_raw(opened: tuple[Server, str]) -> None:
    request = MESSAGES["ModelInferRequest"](model_name="late")
    for name, datatype, where, values in (
        ("distance", "FP64", "fp64_contents", [5.0]),
        ("hour", "INT32", "int_contents", [7]),
        ("carrier", "BYTES", "bytes_contents", [b"UA"]),
    ):
        tensor = request.inputs.add(name=name, datatype=datatype, shape=[1])
        getattr(tensor.contents, where).extend(values)
    answer = asked(opened[1], "ModelInfer", request)
    assert np.frombuffer(answer.raw_output_contents[0]).tolist() == [0.5]
    request.raw_input_contents.append(b"12345678")
    with pytest.raises(grpc.RpcError) as refused:
        asked(opened[1], "ModelInfer", request)
    assert "raw_input_contents" in refused.value.details()


def test_who_may_not_is_told_so(opened: tuple[Server, str]) -> None:
    server, address = opened
    with triton.InferenceServerClient(address) as client:
        client.infer("late", inputs([1.0]), headers={"authorization": "Bearer x"})
    assert server.asked[-1] == "predictions.create"


def test_a_port_in_use_is_told(opened: tuple[Server, str]) -> None:
    async def again() -> None:
        port = int(opened[1].rpartition(":")[2])
        await Grpc(opened[0].application, "127.0.0.1", port).open()

    with pytest.raises(UsageError, match="used by another program"):
        asyncio.run(again())


def asked(address: str, method: str, request: Any) -> Any:
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(
            f"/inference.GRPCInferenceService/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=MESSAGES[f"{method.removesuffix('Request')}Response"].FromString,
        )
        return call(request, timeout=10)
