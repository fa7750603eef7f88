"""Knowing a pickle by its bytes, of any protocol, without carrying out one instruction of it.

A pickle is a program for a stack machine. Here only the heights of the stack are followed: bytes
that a real machine would stop at stop this one, too, and what it would call is never called. Where
this one is laxer than the real one, harmless bytes are taken for a pickle, never the reverse.
"""

from __future__ import annotations

import pickletools
import re
from typing import IO, Final

_MARKED: Final = re.compile(rb"\x80[\x00-\x05]")
_NAMES: Final = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"})
_CALLS: Final = frozenset({"REDUCE", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD", "INST"})
_LENGTHS: Final = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_CODES: Final = {code.code.encode("latin-1"): code for code in pickletools.opcodes}
_MOST: Final = 1_000_000
_LONGEST_LINE: Final = 64 << 20


def is_pickle(file: IO[bytes], *, cut: bool = False) -> bool:
    """Whether a reader of pickles would begin to carry out what stands in the file.

    Args:
        file: Open at any place, and seekable.
        cut: Only its beginning is there; what goes on like a pickle to its end is then one.

    Example:
        >>> import io
        >>> is_pickle(io.BytesIO(b"cos\\nsystem\\n(S'true'\\ntR."))
        True
        >>> is_pickle(io.BytesIO(b"flavors:\\n  sklearn: {}\\n"))
        False
    """
    file.seek(0)
    # Protocol 2 and later say so at once, and no other kind of file begins like that.
    if _MARKED.match(file.read(2)):
        return True
    return _Machine(file).runs(cut)


class _EndError(Exception):
    """The file ended inside an instruction."""


class _Machine:
    def __init__(self, file: IO[bytes]) -> None:
        self._size = file.seek(0, 2)
        file.seek(0)
        self._file = file
        self._height = 0
        self._marks: list[int] = []
        self._named = False

    def runs(self, cut: bool) -> bool:
        """Whether it gets as far as to call something, or to hand over what it has named."""
        for _ in range(_MOST):
            code = _CODES.get(self._file.read(1))
            try:
                if code is None:
                    return cut and self._file.tell() >= self._size and self._height > 0
                self._argument(code)
            except _EndError:
                return cut
            if not self._move(code):
                return False
            if self._named and (code.name in _CALLS or code.name == "STOP"):
                return True
            if code.name == "STOP":  # another pickle may follow, as in files of torch
                self._height, self._marks = 0, []
        return True  # so many instructions that fit together are a program

    def _argument(self, code: pickletools.OpcodeInfo) -> None:
        """Step over what stands behind an instruction."""
        if code.arg is None:
            return
        size = code.arg.n
        if size == pickletools.UP_TO_NEWLINE:
            for _ in range(2 if code.name in ("GLOBAL", "INST") else 1):
                if not self._file.readline(_LONGEST_LINE).endswith(b"\n"):
                    raise _EndError
            return
        if size in _LENGTHS:
            size = int.from_bytes(self._file.read(_LENGTHS[size]), "little")
        if self._file.tell() + size > self._size:
            raise _EndError
        self._file.seek(size, 1)

    def _move(self, code: pickletools.OpcodeInfo) -> bool:
        """Take from the stack what the instruction takes, and put what it puts."""
        taken = code.stack_before
        if code.name == "MARK":
            self._marks.append(self._height)
            return True
        if pickletools.markobject in taken or code.name == "POP_MARK":
            if not self._marks:
                return False
            self._height = self._marks.pop()
            below = taken.index(pickletools.markobject) if pickletools.markobject in taken else 0
            if self._height < below:
                return False
            self._height += len(code.stack_after) - below
        elif code.name == "POP" and self._marks and self._marks[-1] == self._height:
            self._marks.pop()
        else:
            floor = self._marks[-1] if self._marks else 0
            if self._height - len(taken) < floor:
                return False
            self._height += len(code.stack_after) - len(taken)
        self._named = self._named or code.name in _NAMES
        return True
