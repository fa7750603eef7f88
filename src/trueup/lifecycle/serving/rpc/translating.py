"""Between messages of gRPC and requests of the same protocol over HTTP.

The application sees one kind of request only, so permissions, limits, counts, the access log and
the journal are the same for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from trueup.foundation.errors import UsageError
from trueup.lifecycle.serving.protocol import tensors
from trueup.lifecycle.serving.protocol.intake import invalid
from trueup.lifecycle.serving.rpc.messages import MESSAGES
from trueup.lifecycle.serving.server.http import Reply, too_large

HEAD: Final = b"inference-header-content-length"
_CONTENTS: Final = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


class Translated:
    """A request of gRPC as the application knows requests.

    Args:
        method: HTTP method.
        path: Path.
        peer: Address that it came from.
        metadata: What stands for headers; names are in lower case already.
        body: JSON, and bytes of tensors behind it.
        head: How many bytes of the body are JSON.
    """

    query = b""

    def __init__(
        self,
        method: str,
        path: str,
        peer: str,
        metadata: Iterable[tuple[str, str | bytes]],
        body: bytes = b"",
        head: int = 0,
    ) -> None:
        self.method = method
        self.path = path
        self.peer = peer
        given = {name.encode(): _raw(value) for name, value in metadata}
        # Nobody's browser speaks gRPC: there is no page of a stranger to be told from others.
        self.headers: Mapping[bytes, bytes] = given | {
            b"host": b"localhost",
            b"content-type": b"application/octet-stream",
            **({HEAD: b"%d" % head} if head else {}),
        }
        self._body = body

    async def body(self, limit: int) -> bytes:
        """All of the body."""
        if len(self._body) > limit:
            raise too_large(limit)
        return self._body


def body_of(request: Any) -> tuple[bytes, int]:
    """A request to infer as JSON with bytes behind it, and how many bytes are JSON.

    Raises:
        UsageError: It has raw contents for some of its inputs only, or an unknown datatype.
    """
    raws = list(request.raw_input_contents)
    if raws and len(raws) != len(request.inputs):
        raise invalid("'raw_input_contents' must hold the bytes of each input, or of none")
    contents = raws or [_packed(tensor) for tensor in request.inputs]
    inputs = list(zip(request.inputs, contents, strict=True))
    said = {
        "id": request.id or None,
        "parameters": _plain(request.parameters) | {"binary_data_output": True},
        "inputs": [
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": list(tensor.shape),
                "parameters": {"binary_data_size": len(raw)},
            }
            for tensor, raw in inputs
        ],
        "outputs": [{"name": output.name} for output in request.outputs] or None,
    }
    head = msgspec.json.encode(said)
    return head + b"".join(raw for _, raw in inputs), len(head)


def _packed(tensor: Any) -> bytes:
    where = _CONTENTS.get(tensor.datatype)
    if where is None:
        raise invalid(f"input '{tensor.name[:80]}' must be sent as raw contents")
    values = list(getattr(tensor.contents, where))
    if tensor.datatype == "BYTES":
        return b"".join(len(value).to_bytes(4, "little") + value for value in values)
    try:
        return tensors.packed(tensor.datatype, values)
    except (OverflowError, ValueError):
        raise invalid(f"input '{tensor.name[:80]}' has a value that its datatype lacks") from None


def answer_of(reply: Reply) -> Any:
    """The reply to a request to infer, as a message."""
    head = next((int(value) for name, value in reply.more if name == HEAD), len(reply.body))
    said = msgspec.json.decode(reply.body[:head])
    message = MESSAGES["ModelInferResponse"](
        model_name=said["model_name"],
        model_version=said.get("model_version", ""),
        id=said.get("id") or "",
    )
    for name, value in said.get("parameters", {}).items():
        message.parameters[name].string_param = str(value)
    at = head
    for output in said["outputs"]:
        message.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
        size = output["parameters"]["binary_data_size"]
        message.raw_output_contents.append(reply.body[at : at + size])
        at += size
    return message


def described(reply: Reply) -> Any:
    """The reply to a request for a model's metadata, as a message."""
    said = msgspec.json.decode(reply.body)
    message = MESSAGES["ModelMetadataResponse"](
        name=said["name"], versions=said["versions"], platform=said["platform"]
    )
    for where in ("inputs", "outputs"):
        for each in said[where]:
            getattr(message, where).add(
                name=each["name"], datatype=each["datatype"], shape=each["shape"]
            )
    return message


def path_of(name: str, version: str, rest: str = "") -> str:
    """The path at which a model is asked over HTTP.

    Raises:
        UsageError: The name is no part of a path.
    """
    if not name or "/" in name + version:
        raise UsageError(
            "request-invalid",
            "The request does not fit: a model's name and version hold no '/'.",
            hint="name a deployment: trueup deployment list",
        )
    versions = f"/versions/{version}" if version else ""
    return f"/v2/models/{name}{versions}{rest}"


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        chosen = value.WhichOneof("parameter_choice")
        if chosen is not None:
            found[name] = getattr(value, chosen)
    return found


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1", "replace")
