"""Tensors with the code that they belong to: safetensors, whose `__metadata__` names the network.

It says what builds the network (`module:name`), the plain arguments for it, and the digest of its
source files; these lie there as well, so that one file is enough. To load it is to run them.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Mapping
from typing import IO, Any, Final

import msgspec
import numpy as np
import polars as pl

from trueup.backends.formats import _modules, _package, _rows
from trueup.foundation import digests
from trueup.foundation.errors import MissingExtraError
from trueup.foundation.records import Record, encode
from trueup.ports.code import Sources, TensorModel
from trueup.ports.format import Predictor, Scores

LARGEST: Final = 1 << 34
_LARGEST_HEAD: Final = 64 << 20
_LENGTH: Final = 8
_METADATA: Final = "__metadata__"
_SAID: Final = "trueup.architecture"
_SOURCE: Final = "trueup.source"


class Architecture(Record):
    """What the tensors belong to.

    Attributes:
        build: What builds the network, as `module:name`.
        arguments: Plain data that it is built with, by name.
        source: Digest of its source files, as one package.
        library: Whose tensors they are: `torch` or `numpy`.
        layout: How the rest is laid out.
    """

    build: str
    arguments: dict[str, Any]
    source: str
    library: str
    layout: int = 1


class Backend:
    """The format of tensors with their architecture."""

    suffix = ".safetensors"
    flavor = None
    runs_code = True

    def accepts(self, model: Any) -> bool:
        """Whether the object was made by `trueup.tensor_model`."""
        return isinstance(model, TensorModel)

    def dump(self, model: TensorModel) -> bytes:
        """The tensors and what they belong to, as one file."""
        package = _package.write(model.sources)
        tensors = dict(model.network.state_dict())
        library = "torch" if _rows.is_of(model.network, "torch") else "numpy"
        said = Architecture(
            build=model.sources.entry,
            arguments=dict(model.arguments),
            source=digests.of_bytes(package),
            library=library,
        )
        metadata = {_SAID: encode(said).decode(), _SOURCE: base64.b64encode(package).decode()}
        if library == "torch":
            # Tensors that share memory, such as tied weights, are kept one by one.
            tensors = {n: t.detach().cpu().contiguous().clone() for n, t in tensors.items()}
        else:
            tensors = {n: np.ascontiguousarray(t) for n, t in tensors.items()}
        return _stable(_library(library).save(tensors, metadata))

    def load(self, raw: bytes) -> TensorModel:
        """The model; its files are run."""
        said, sources = _read(raw)
        (build,) = _modules.load(sources, said.build)
        tensors = _library(said.library).load(raw)
        with _modules.users(said.build):
            network = build(**said.arguments)
            network.load_state_dict(tensors)
        return TensorModel(sources, said.arguments, network)

    def predictor(self, model: TensorModel) -> Predictor:
        """What the network answers: rows to its `predict`, else numbers to the network itself."""
        network = model.network
        ask = _of_torch(network) if _rows.is_of(network, "torch") else _of_numpy(network)

        def score(rows: pl.DataFrame) -> Scores:
            return _rows.answered(ask(rows), rows.height) if rows.height else np.zeros(0)

        return score

    def facts(self, file: IO[bytes]) -> dict[str, str]:
        """What the file says about itself; nothing is run."""
        head = _head(file)
        said, package = _said(head)
        tensors = {n: each for n, each in head.items() if n != _METADATA}
        try:
            numbers = sum(math.prod(each["shape"]) for each in tensors.values())
        except (KeyError, TypeError) as error:
            raise _rows.refused("safetensors", "has a tensor without a shape") from error
        found = _package.facts(io.BytesIO(package), "safetensors")
        return {
            "builds": f"{said.build}({_words(said.arguments)})",
            "tensors": f"{len(tensors)} of {said.library} ({numbers:,} numbers)",
            "source": found["source"],
            "needs": found["needs"],
        }


def _words(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r:.60}" for name, value in arguments.items())


def _stable(raw: bytes) -> bytes:
    """The same file with its names in order: the library writes what is said in any.

    What the tensors belong to comes first, so that a look at the beginning is enough to know it.
    """
    tensors = _head(io.BytesIO(raw))
    said = encode(tensors.pop(_METADATA))
    head = b'{"%b":%b%b%b' % (
        _METADATA.encode(),
        said,
        b"," if tensors else b"",
        encode(tensors)[1:],
    )
    head += b" " * (-len(head) % 8)
    size = int.from_bytes(raw[:_LENGTH], "little")
    return len(head).to_bytes(_LENGTH, "little") + head + raw[_LENGTH + size :]


def _of_torch(network: Any) -> Any:
    import torch

    network.eval()
    if hasattr(network, "predict"):
        return lambda rows: _without_gradients(network.predict, rows)
    kinds = (tensor.dtype for tensor in network.parameters() if tensor.is_floating_point())
    kind = next(kinds, torch.float32)

    def ask(rows: pl.DataFrame) -> Any:
        given = torch.from_numpy(_rows.matrix(rows)).to(kind)
        return _without_gradients(network, given)

    return ask


def _without_gradients(call: Any, given: Any) -> Any:
    import torch

    with torch.inference_mode():
        found = call(given)
    return found.to(torch.float64).numpy() if isinstance(found, torch.Tensor) else found


def _of_numpy(network: Any) -> Any:
    if hasattr(network, "predict"):
        return network.predict
    return lambda rows: network(_rows.matrix(rows))


def _head(file: IO[bytes]) -> dict[str, Any]:
    """The names of the tensors, and what else is said, as the format lays it out."""
    whole = file.seek(0, io.SEEK_END)
    file.seek(0)
    size = int.from_bytes(file.read(_LENGTH), "little")
    if whole > LARGEST or not 2 <= size <= min(whole - _LENGTH, _LARGEST_HEAD):
        raise _rows.refused("safetensors", "is cut off, or too large")
    try:
        head = msgspec.json.decode(file.read(size), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _rows.refused("safetensors", "does not begin with what it holds") from error
    return head


def _said(head: dict[str, Any]) -> tuple[Architecture, bytes]:
    """What the tensors belong to, and the package of its source files."""
    try:
        metadata = head[_METADATA]
        said = msgspec.json.decode(metadata[_SAID], type=Architecture)
        package = base64.b64decode(metadata[_SOURCE], validate=True)
    except (KeyError, TypeError, ValueError, msgspec.MsgspecError, binascii.Error) as error:
        raise _rows.refused("safetensors", "does not say what its tensors belong to") from error
    if said.layout != 1 or said.library not in ("torch", "numpy"):
        raise _rows.refused("safetensors", f"has the unknown layout {said.layout}")
    if digests.of_bytes(package) != said.source:
        raise _rows.refused("safetensors", "holds other source files than it names")
    return said, package


def _read(raw: bytes) -> tuple[Architecture, Sources]:
    said, package = _said(_head(io.BytesIO(raw)))
    sources = _package.read(package, "safetensors").sources
    if sources.entry != said.build:
        raise _rows.refused("safetensors", "says two things about what builds the network")
    return said, sources


def _library(name: str) -> Any:
    try:
        if name == "torch":
            import safetensors.torch

            return safetensors.torch
        import safetensors.numpy
    except ModuleNotFoundError as error:
        missing = "torch" if error.name == "torch" else "safetensors"
        raise MissingExtraError(missing, "torch" if missing == "torch" else "tensors") from error
    return safetensors.numpy
