"""ONNX models, run by ONNX Runtime.

One file and nothing beside it: tensors that lie in other files are refused, as are operators that
do not belong to ONNX itself, for their code would have to come from somewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from trueup.backends.formats import _rows
from trueup.foundation.errors import MissingExtraError, UsageError
from trueup.ports.format import Flavor, OfMatrix, Predictor, Scores

LARGEST: Final = (1 << 31) - 1  # of one Protocol Buffers message
_DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_DEEPEST: Final = 64
_EXTERNAL: Final = 1
_NUMBERS: Final = {
    **{"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64},
    **{"tensor(int32)": np.int32, "tensor(bool)": np.bool_},
}


class Backend:
    """The ONNX format."""

    suffix = ".onnx"
    runs_code = False
    flavor = Flavor(
        "onnx",
        {"data": "model.onnx"},
        {"data": "model.onnx"},
        ("onnx", "onnxruntime"),
    )

    def accepts(self, model: Any) -> bool:
        """Whether the object is an `onnx.ModelProto`."""
        return _rows.is_of(model, "onnx") and hasattr(model, "opset_import")

    def dump(self, model: Any) -> bytes:
        """The model as one file."""
        raw: bytes = model.SerializeToString(deterministic=True)
        check(raw)
        return raw

    def load(self, raw: bytes) -> Any:
        """The model, from bytes that may come from a stranger."""
        check(raw)
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise MissingExtraError("onnxruntime", "onnx") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        return onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])

    def predictor(self, model: Any) -> Predictor:
        """The probabilities of the classes, or the only output."""
        session = self.load(self.dump(model)) if self.accepts(model) else model
        return _Session(session)


class _Session:
    """Asks a session of ONNX Runtime."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._inputs = session.get_inputs()
        self._output = _output(session.get_outputs())

    def __call__(self, rows: pl.DataFrame) -> Scores:
        """The numbers, in the order of the rows."""
        if not rows.height:
            return _rows.scores([], 0)
        return self._run(_feed(self._inputs, rows), rows.height)

    def for_columns(self, names: Sequence[str]) -> OfMatrix | None:
        """The same for a matrix of these columns."""
        if not _takes_matrix(self._inputs, names):
            return None
        name, kind = self._inputs[0].name, _NUMBERS[self._inputs[0].type]
        return lambda given: self._run({name: given.astype(kind)}, len(given))

    def _run(self, feed: dict[str, Any], rows: int) -> Scores:
        (answers,) = self._session.run([self._output], feed)
        if isinstance(answers, list) and answers:  # one map of class to probability a row
            answers = [[row[label] for label in sorted(row)] for row in answers]
        return _rows.scores(answers, rows)


def check(raw: bytes) -> None:
    """Refuse a file that needs others, or code that is not ONNX's own.

    Raises:
        DeniedError: It does, or it is no ONNX model at all.
    """
    if len(raw) > LARGEST:
        raise _rows.refused("onnx", f"has {len(raw):,} bytes, more than {LARGEST:,}")
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ModuleNotFoundError as error:
        raise MissingExtraError("onnx", "onnx") from error
    try:
        model = onnx.ModelProto.FromString(raw)
    except DecodeError as error:
        raise _rows.refused("onnx", "is no ONNX model") from error
    if not model.graph.node or not model.opset_import:
        raise _rows.refused("onnx", "holds no graph")
    own = {(function.domain, function.name) for function in model.functions}
    for message in _walk(model, 0):
        kind = type(message).__name__
        if kind == "TensorProto" and (message.data_location == _EXTERNAL or message.external_data):
            raise _rows.refused("onnx", f"keeps the tensor '{message.name[:80]}' in another file")
        if (
            kind == "NodeProto"
            and message.domain not in _DOMAINS
            and (message.domain, message.op_type) not in own
        ):
            raise _rows.refused(
                "onnx",
                f"needs the operator '{message.domain[:60]}.{message.op_type[:60]}', which is not "
                "of ONNX itself",
            )


def _walk(message: Any, depth: int) -> Iterator[Any]:
    if depth > _DEEPEST:
        raise _rows.refused("onnx", "is nested too deeply")
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if hasattr(value, "__len__") else (value,):
                yield from _walk(part, depth + 1)


def _output(outputs: list[Any]) -> str:
    """The output that holds the score: probabilities where a classifier gives them."""
    for output in outputs:
        if "prob" in output.name.lower():
            return str(output.name)
    return str(outputs[-1].name)


def _takes_matrix(inputs: list[Any], names: Sequence[str]) -> bool:
    return len(inputs) == 1 and inputs[0].type in _NUMBERS and inputs[0].name not in names


def _feed(inputs: list[Any], rows: pl.DataFrame) -> dict[str, Any]:
    """The rows as the model takes them: one matrix, or one input a column."""
    if _takes_matrix(inputs, rows.columns):
        return {inputs[0].name: _rows.matrix(rows).astype(_NUMBERS[inputs[0].type])}
    absent = [each.name for each in inputs if each.name not in rows.columns]
    if absent:
        raise UsageError(
            "model-input-absent",
            f"The model takes '{absent[0]}', and the rows have {', '.join(rows.columns[:8])}.",
            hint="name the inputs of the ONNX model like the columns, or give it one matrix",
            context={"inputs": absent[:50]},
        )
    feed: dict[str, Any] = {}
    for each in inputs:
        column = rows.select(each.name)
        if each.type == "tensor(string)":
            values = column.select(pl.all().cast(pl.String).fill_null("")).to_numpy().astype(object)
        else:
            values = _rows.matrix(column).astype(_NUMBERS.get(each.type, np.float32))
        feed[each.name] = values.reshape(-1) if len(each.shape) == 1 else values
    return feed
