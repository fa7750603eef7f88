"""Reading UBJSON as XGBoost writes it, within bounds; https://ubjson.org is the description."""

from __future__ import annotations

import struct
from typing import Any, Final

_NUMBERS: Final = {
    **{b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"},
}
_PLAIN: Final = {b"Z": None, b"T": True, b"F": False}
_DEEPEST: Final = 64


def read(raw: bytes) -> Any:
    """The value that the bytes say.

    Raises:
        ValueError: They are cut off, say something unknown, or are nested too deeply.
    """
    reader = _Reader(raw)
    value = reader.value(reader.take(1), 0)
    if reader.place != len(raw):
        raise ValueError("there are bytes after the value")
    return value


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.place = 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.place + count > len(self._raw):
            raise ValueError("the file is cut off")
        taken = self._raw[self.place : self.place + count]
        self.place += count
        return taken

    def value(self, mark: bytes, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        if mark in _PLAIN:
            return _PLAIN[mark]
        if form := _NUMBERS.get(mark):
            return struct.unpack(form, self.take(struct.calcsize(form)))[0]
        if mark in (b"S", b"H"):
            return self._text()
        if mark == b"C":
            return self.take(1).decode("latin-1")
        if mark == b"[":
            return self._items(depth)
        if mark == b"{":
            return self._fields(depth)
        raise ValueError(f"the mark {mark!r} is unknown")

    def _text(self) -> str:
        return self.take(self._count()).decode()

    def _count(self) -> int:
        mark = self.take(1)
        if mark not in (b"i", b"U", b"I", b"l", b"L"):
            raise ValueError("a count is no whole number")
        number: int = self.value(mark, 0)
        return number

    def _items(self, depth: int) -> list[Any]:
        form, count = self._head()
        if form and form in _NUMBERS:
            layout = _NUMBERS[form]
            size = struct.calcsize(layout)
            if count is None:
                raise ValueError("a typed list without its count")
            return [n for (n,) in struct.iter_unpack(layout, self.take(count * size))]
        if form:
            raise ValueError("a list of one type that is no number")
        items: list[Any] = []
        while count is None or len(items) < count:
            mark = self.take(1)
            if count is None and mark == b"]":
                break
            items.append(self.value(mark, depth + 1))
        return items

    def _fields(self, depth: int) -> dict[str, Any]:
        form, count = self._head()
        if form:
            raise ValueError("an object of one type")
        found: dict[str, Any] = {}
        while count is None or len(found) < count:
            if count is None and self._raw[self.place : self.place + 1] == b"}":
                self.place += 1
                break
            name = self._text()
            if name in found:
                raise ValueError(f"'{name[:40]}' stands there twice")
            found[name] = self.value(self.take(1), depth + 1)
        return found

    def _head(self) -> tuple[bytes, int | None]:
        form = b""
        if self._raw[self.place : self.place + 1] == b"$":
            self.place += 1
            form = self.take(1)
        if self._raw[self.place : self.place + 1] == b"#":
            self.place += 1
            return form, self._count()
        return form, None
