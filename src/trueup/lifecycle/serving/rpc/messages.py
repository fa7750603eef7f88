"""The messages of `inference.GRPCInferenceService`, built from this table of their fields.

A field is its number, name and type; `*` stands before a repeated one, `{` before a map from text.
They live in a pool of their own, so a client library in the same process keeps its own ones.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE: Final = "inference"
SERVICE: Final = f"{PACKAGE}.GRPCInferenceService"
_FILE: Final = "trueup/inference.proto"

_TABLE: Final[dict[str, tuple[str, ...]]] = {
    "ServerLiveRequest": (),
    "ServerLiveResponse": ("1 live bool",),
    "ServerReadyRequest": (),
    "ServerReadyResponse": ("1 ready bool",),
    "ModelReadyRequest": ("1 name string", "2 version string"),
    "ModelReadyResponse": ("1 ready bool",),
    "ServerMetadataRequest": (),
    "ServerMetadataResponse": ("1 name string", "2 version string", "3 *extensions string"),
    "ModelMetadataRequest": ("1 name string", "2 version string"),
    "TensorMetadata": ("1 name string", "2 datatype string", "3 *shape int64"),
    "ModelMetadataResponse": (
        *("1 name string", "2 *versions string", "3 platform string"),
        *("4 *inputs TensorMetadata", "5 *outputs TensorMetadata"),
    ),
    "InferParameter": (
        *("1 |bool_param bool", "2 |int64_param int64", "3 |string_param string"),
        *("4 |double_param double", "5 |uint64_param uint64"),
    ),
    "InferTensorContents": (
        *("1 *bool_contents bool", "2 *int_contents int32", "3 *int64_contents int64"),
        *("4 *uint_contents uint32", "5 *uint64_contents uint64", "6 *fp32_contents float"),
        *("7 *fp64_contents double", "8 *bytes_contents bytes"),
    ),
    "InferTensor": (
        *("1 name string", "2 datatype string", "3 *shape int64"),
        *("4 {parameters InferParameter", "5 contents InferTensorContents"),
    ),
    "InferRequestedOutput": ("1 name string", "2 {parameters InferParameter"),
    "ModelInferRequest": (
        *("1 model_name string", "2 model_version string", "3 id string"),
        *("4 {parameters InferParameter", "5 *inputs InferTensor"),
        *("6 *outputs InferRequestedOutput", "7 *raw_input_contents bytes"),
    ),
    "ModelInferResponse": (
        *("1 model_name string", "2 model_version string", "3 id string"),
        *("4 {parameters InferParameter", "5 *outputs InferTensor"),
        *("6 *raw_output_contents bytes",),
    ),
}
_SCALARS: Final = {
    name: getattr(descriptor_pb2.FieldDescriptorProto, f"TYPE_{name.upper()}")
    for name in ("bool", "int32", "int64", "uint32", "uint64", "float", "double", "string", "bytes")
}
_Field = descriptor_pb2.FieldDescriptorProto


def _built() -> dict[str, type[Any]]:
    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=PACKAGE, syntax="proto3")
    for name, fields in _TABLE.items():
        message = file.message_type.add(name=name)
        if any("|" in field for field in fields):
            message.oneof_decl.add(name="parameter_choice")
        for field in fields:
            _add(message, *field.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in _TABLE
    }


def _add(message: Any, number: str, name: str, kind: str) -> None:
    mark = name[0] if name[0] in "*{|" else ""
    field = message.field.add(name=name.removeprefix(mark), number=int(number))
    field.label = _Field.LABEL_REPEATED if mark in ("*", "{") and mark else _Field.LABEL_OPTIONAL
    if mark == "|":
        field.oneof_index = 0
    if mark == "{":
        entry = message.nested_type.add(name="ParametersEntry")
        entry.options.map_entry = True
        _add(entry, "1", "key", "string")
        _add(entry, "2", "value", kind)
        kind = f"{message.name}.ParametersEntry"
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"


MESSAGES: Final = _built()
