"""Schema files: TOML that people read, edit and keep in Git."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

import msgspec

from trueup.foundation import toml
from trueup.foundation.errors import NotFoundError
from trueup.lifecycle.data.schemas import rules
from trueup.lifecycle.data.schemas.records import Schema

FOLDER: Final = "schemas"
SUFFIX: Final = ".toml"
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_WIDE: Final = 100


def place(dataset: str) -> str:
    """Where the schema of a dataset stands in a project."""
    return f"{FOLDER}/{dataset}{SUFFIX}"


def read(path: Path, shown: str = "") -> Schema:
    """The schema that a file holds.

    Raises:
        NotFoundError: There is no such file.
        UsageError: It is no TOML, has unknown keys or wrong values, or is not sound.
    """
    if not path.is_file():
        raise NotFoundError(
            "schema-not-found",
            f"There is no schema file {shown or path.name}.",
            hint="trueup data schema infer FILE",
        )
    return _checked(toml.read(path, Schema, prepare=written), shown or path.name)


def parse(text: str, shown: str) -> Schema:
    """The schema that a text holds; `shown` stands in messages.

    Raises:
        UsageError: As for `read`.
    """
    return _checked(toml.parse(text, shown, Schema, prepare=written), shown)


def _checked(schema: Schema, shown: str) -> Schema:
    rules.check(schema, shown)
    return schema


def written(value: Any) -> Any:
    """Dates and moments of TOML as the text that limits are kept as."""
    if isinstance(value, dict):
        return {key: written(item) for key, item in value.items()}
    if isinstance(value, list):
        return [written(item) for item in value]
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def text(schema: Schema, about: str = "") -> str:
    """The schema as a file; `about` is the remark at its beginning."""
    lines = [f"# {line}".rstrip() for line in about.splitlines()]
    top = _plain(schema)
    for key in ("columns", "rules", "references"):
        top.pop(key, None)
    lines += _pairs(top)
    for name, column in schema.columns.items():
        lines += ["", f"[columns.{_key(name)}]", *_pairs(_plain(column, keep=("type", "missing")))]
    for title, items in (("rules", schema.rules), ("references", schema.references)):
        for item in items:
            lines += ["", f"[[{title}]]", *_pairs(_plain(item))]
    return "\n".join(lines).lstrip("\n") + "\n"


def _plain(record: Any, keep: tuple[str, ...] = ()) -> dict[str, Any]:
    """What differs from the usual, and what is always said."""
    usual = _usual(type(record))
    return {
        name: msgspec.to_builtins(getattr(record, name))
        for name in record.__struct_fields__
        if name in keep or getattr(record, name) != usual[name]
    }


def _usual(kind: type[msgspec.Struct]) -> dict[str, Any]:
    if kind not in _known:
        _known[kind] = {field.name: field.default for field in msgspec.structs.fields(kind)}
    return _known[kind]


_known: dict[type[msgspec.Struct], dict[str, Any]] = {}


def _pairs(pairs: dict[str, Any]) -> Iterator[str]:
    return (f"{_key(key)} = {_value(value)}" for key, value in pairs.items())


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _string(name)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case str():
            return _string(value)
        case dict():
            inner = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None)
            return f"{{ {inner} }}"
        case list() | tuple():
            return _list([_value(item) for item in value])
    raise TypeError(f"{type(value).__name__} has no form in a schema file")


def _list(items: list[str]) -> str:
    line = f"[{', '.join(items)}]"
    if len(line) <= _WIDE - 20:
        return line
    lines, row = [], ""
    for item in items:
        if row and len(row) + len(item) > _WIDE - 6:
            lines.append(row)
            row = ""
        row += f"{item}, "
    return "[\n" + "".join(f"  {each.rstrip()}\n" for each in (*lines, row)) + "]"


def _number(value: float) -> str:
    shown = repr(value)
    return shown.replace("e+", "e") if "e" in shown else shown


def _string(value: str) -> str:
    """A TOML basic string; JSON escapes the same, but for U+007F."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def label_of(schema: Schema) -> str:
    """The label that a schema shows: the one column that belongs to training alone."""
    alone = [name for name, c in schema.columns.items() if c.environments == ("training",)]
    return alone[0] if len(alone) == 1 else ""
