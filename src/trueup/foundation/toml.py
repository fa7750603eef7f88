"""Reading a TOML file into a record: wrong keys, types and syntax are named with their line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from trueup.foundation.errors import UsageError
from trueup.foundation.text import did_you_mean

_T = TypeVar("_T")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`(?: - at `(?P<path>[^`]*)`)?")
_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]*)`(?: - at `(?P<path>[^`]*)`)?")
_WRONG = re.compile(r"(?P<what>.*?) - at `(?P<path>[^`]*)`", re.DOTALL)


def _as_it_is(tree: Any) -> Any:
    return tree


def read(path: Path, type_: type[_T], prepare: Callable[[Any], Any] = _as_it_is) -> _T:
    """The record that a TOML file describes; `prepare` may change values before they are looked at.

    Raises:
        UsageError: The file is missing, is no TOML, or does not have the shape of `type_`;
            the message names the line, the key and the value.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "config-unreadable", f"{path.name} cannot be read: {error}.", hint=f"ls -l '{path}'"
        ) from error
    return parse(text, path.name, type_, prepare)


def parse(text: str, name: str, type_: type[_T], prepare: Callable[[Any], Any] = _as_it_is) -> _T:
    """The record that TOML text describes; `name` stands in messages.

    Raises:
        UsageError: As for `read`.
    """
    try:
        tree = prepare(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            "config-syntax",
            f"{name} is not valid TOML: {error}.",
            hint=f"open {name} at that line; strings need quotes, tables need [brackets]",
        ) from error
    try:
        return msgspec.convert(tree, type_, strict=True)
    except msgspec.ValidationError as error:
        raise _explained(str(error), text, name, tree, type_) from error


def _explained(detail: str, text: str, name: str, tree: Any, type_: Any) -> UsageError:
    if match := _UNKNOWN.match(detail):
        key, path = match["key"], match["path"] or "$"
        line = _line_of(text, path, key)
        known = _fields_at(type_, path, tree)
        return UsageError(
            "config-unknown-key",
            f"{name} line {line}: unknown key '{key}' in {_place(path)}.{did_you_mean(key, known)}",
            hint=f"known keys here: {', '.join(known)}",
            context={"file": name, "line": line, "key": key},
        )
    if match := _MISSING.match(detail):
        key, path = match["key"], match["path"] or "$"
        line = _line_of(text, path, "")
        return UsageError(
            "config-missing-key",
            f"{name} line {line}: {_place(path)} has no '{key}'.",
            hint=f"add a line '{key} = …' to {_place(path)}",
            context={"file": name, "line": line, "key": key},
        )
    match = _WRONG.match(detail)
    path = match["path"] if match else "$"
    value = _value_at(tree, path)
    parent, _, key = path.rpartition(".")
    line = _line_of(text, parent or "$", re.sub(r"\[.*", "", key))
    tags = [
        kind.__struct_config__.tag
        for kind in _kinds_at(type_, parent, tree)
        if kind.__struct_config__.tag_field == key
    ]
    near = did_you_mean(str(value), tags)
    what = match["what"] if match else detail
    return UsageError(
        "config-wrong-value",
        f"{name} line {line}: {_place(path)} is {value!r}: {what}.{near}",
        hint=f"use one of: {', '.join(tags)}" if tags else f"correct line {line} of {name}",
        context={"file": name, "line": line, "path": path},
    )


def _place(path: str) -> str:
    return path.removeprefix("$.").replace("[...]", "") if path not in ("$", "") else "the file"


def _value_at(tree: Any, path: str) -> Any:
    for name, index in re.findall(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]", path):
        if name and isinstance(tree, dict):
            tree = tree.get(name)
        elif index.isdecimal() and isinstance(tree, list):
            tree = tree[int(index)]
    return tree


def _line_of(text: str, path: str, key: str) -> int:
    """The 1-based line of `key` inside the table at `path`, as near as plain text can tell."""
    lines = text.splitlines()
    start = 0
    for name, index in re.findall(r"\.([^.\[]+)(?:\[(\d+)\])?", path):
        header = re.compile(rf"\s*(\[\[?[^\]]*\b{re.escape(name)}\b|(\"?){re.escape(name)}\2\s*=)")
        hits = [i for i in range(start, len(lines)) if header.match(lines[i])]
        wanted = int(index) if index else 0
        if wanted < len(hits):
            start = hits[wanted]
    if key:
        word = re.compile(rf"(?<![\w.-])\"?{re.escape(key)}\"?\s*=|\[[^\]]*\b{re.escape(key)}\b")
        for number in range(start, len(lines)):
            if word.search(lines[number]):
                return number + 1
    return start + 1


def _fields_at(type_: Any, path: str, tree: Any) -> list[str]:
    kinds = _kinds_at(type_, path, tree)
    chosen = next((kind for kind in kinds if _is_tagged(kind, _value_at(tree, path))), None)
    struct = chosen or next(iter(kinds), None)
    return [f.encode_name for f in msgspec.structs.fields(struct)] if struct is not None else []


def _kinds_at(type_: Any, path: str, tree: Any) -> list[Any]:
    """The records that may stand at a place; several where a tag says which of them does."""
    for name, index in re.findall(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]", path):
        if get_origin(type_) is Annotated:
            type_ = get_args(type_)[0]
        kinds = _kinds_of(type_)
        if name and kinds:
            kind = next((kind for kind in kinds if _is_tagged(kind, tree)), kinds[0])
            type_ = {f.encode_name: f.type for f in msgspec.structs.fields(kind)}.get(name, type_)
        else:  # an element of a list, or any value of a mapping
            arguments = [a for a in get_args(type_) if a is not Ellipsis]
            type_ = arguments[-1] if arguments else type_
        tree = _value_at(tree, f".{name}" if name else f"[{index}]")
    return _kinds_of(type_)


def _is_tagged(kind: Any, value: Any) -> bool:
    tag = kind.__struct_config__
    return (
        tag.tag_field is not None
        and isinstance(value, dict)
        and value.get(tag.tag_field) == (tag.tag)
    )


def _kinds_of(type_: Any) -> list[Any]:
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return [type_]
    return [kind for argument in get_args(type_) for kind in _kinds_of(argument)]
