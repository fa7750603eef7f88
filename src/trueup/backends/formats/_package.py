"""Files of a project as one zip: nothing in it is compressed, and equal files give equal bytes.

It is read in memory and never laid out on a disk, so no name in it can lead anywhere.
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, Final, TypeVar

import msgspec

from trueup.backends.formats import _rows
from trueup.foundation.errors import UsageError
from trueup.foundation.records import Record, encode
from trueup.ports.code import Sources

_T = TypeVar("_T")
DESCRIPTION: Final = "trueup-model.json"
LARGEST: Final = 1 << 30
_LARGEST_SOURCE: Final = 16 << 20
_MOST: Final = 10_000
_SOURCE: Final = "source/"
_DATA: Final = "data/"
_ENTRY: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_MODULE: Final = re.compile(r"([^\W\d]\w*/)*[^\W\d]\w*\.py")


class Description(Record):
    """What stands in front of the files.

    Attributes:
        entry: What is called, as `module:name`.
        prepare: What makes of the data what the entry gets besides the rows; empty for nothing.
        requirements: Installed distributions, as `name==version`.
        layout: How the rest is laid out.
    """

    entry: str
    prepare: str = ""
    requirements: tuple[str, ...] = ()
    layout: int = 1


class Package(Record):
    """What a file holds."""

    description: Description
    files: dict[str, bytes]
    data: dict[str, bytes]

    @property
    def sources(self) -> Sources:
        """The code."""
        said = self.description
        return Sources(said.entry, self.files, said.requirements)


def write(sources: Sources, prepare: str = "", data: Mapping[str, bytes] | None = None) -> bytes:
    """The files as bytes.

    Raises:
        UsageError: A name or a size is of no use.
    """
    said = Description(
        entry=sources.entry, prepare=prepare, requirements=tuple(sorted(sources.requirements))
    )
    members = {
        **{f"{_SOURCE}{name}": raw for name, raw in sources.files.items()},
        **{f"{_DATA}{name}": raw for name, raw in (data or {}).items()},
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(DESCRIPTION), encode(said))
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name), members[name])
    try:
        _listed(written)
    except ValueError as error:
        raise UsageError(
            "model-package",
            f"The files of the model make no package: {error}.",
            hint="trueup explain model-package",
        ) from error
    return written.getvalue()


def read(raw: bytes, format_: str) -> Package:
    """What the bytes hold; nothing is run.

    Raises:
        DeniedError: They are no such package, or a name in it leads out.
    """
    file = io.BytesIO(raw)
    with _understood(format_):
        said, sizes = _listed(file)
        with zipfile.ZipFile(file) as archive:
            held = {name: archive.read(name) for name in sizes}
        return Package(description=said, files=_below(_SOURCE, held), data=_below(_DATA, held))


def facts(file: IO[bytes], format_: str) -> dict[str, str]:
    """What a package says about itself, for people; its files are not read.

    Raises:
        DeniedError: It is none.
    """
    with _understood(format_):
        said, sizes = _listed(file)
    source, data = _below(_SOURCE, sizes), _below(_DATA, sizes)
    return {
        "calls": said.entry,
        "prepares": said.prepare,
        "source": f"{len(source)} {'file' if len(source) == 1 else 'files'} "
        f"({sum(source.values()):,} bytes)",
        "brings": ", ".join(f"{name} ({size:,} bytes)" for name, size in data.items()),
        "needs": ", ".join(said.requirements),
    }


@contextmanager
def _understood(format_: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, ValueError, KeyError, OSError, RuntimeError) as error:
        why = f"is no package of a project's files ({error!s:.120})"
        raise _rows.refused(format_, why) from error


def _below(folder: str, named: Mapping[str, _T]) -> dict[str, _T]:
    return {
        name.removeprefix(folder): each for name, each in named.items() if name.startswith(folder)
    }


def _listed(file: IO[bytes]) -> tuple[Description, dict[str, int]]:
    """What stands in front, and the sizes of all files; every name and size was looked at."""
    size = file.seek(0, io.SEEK_END)
    if size > LARGEST:
        raise ValueError(f"{size:,} bytes are more than {LARGEST:,}")
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        if len(names) > _MOST:
            raise ValueError(f"{len(names):,} files are more than {_MOST:,}")
        if names[:1] != [DESCRIPTION] or names[1:] != sorted(set(names[1:])):
            raise ValueError("its files are not in order")
        for entry in entries:
            _check(entry)
        if sum(entry.file_size for entry in entries) > size:
            raise ValueError("its files overlap")
        said = msgspec.json.decode(archive.read(DESCRIPTION), type=Description)
    sizes = {entry.filename: entry.file_size for entry in entries[1:]}
    _check_description(said, _below(_SOURCE, sizes))
    return said, sizes


def _check(entry: zipfile.ZipInfo) -> None:
    name, mode = entry.filename, entry.external_attr >> 16
    parts = PurePosixPath(name)
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise ValueError(f"'{name[:80]}' is compressed")
    if entry.is_dir() or stat.S_ISLNK(mode) or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
        raise ValueError(f"'{name[:80]}' is no file")
    if parts.as_posix() != name or parts.is_absolute() or ".." in parts.parts or "\\" in name:
        raise ValueError(f"'{name[:80]}' leads out")
    if name.startswith(_SOURCE):
        if not _MODULE.fullmatch(name.removeprefix(_SOURCE)):
            raise ValueError(f"'{name[:80]}' is no module of Python")
        if entry.file_size > _LARGEST_SOURCE:
            raise ValueError(f"'{name[:80]}' has more than {_LARGEST_SOURCE:,} bytes")
    elif name != DESCRIPTION and not name.startswith(_DATA):
        raise ValueError(f"'{name[:80]}' is neither source nor data")


def _check_description(said: Description, files: Mapping[str, int]) -> None:
    if said.layout != 1:
        raise ValueError(f"the layout {said.layout} is unknown")
    for entry in filter(None, (said.entry, said.prepare)):
        module = entry.partition(":")[0].replace(".", "/")
        if not _ENTRY.fullmatch(entry) or not {f"{module}.py", f"{module}/__init__.py"} & {*files}:
            raise ValueError(f"'{entry[:120]}' is no name in its files")
    if not said.entry:
        raise ValueError("it does not say what is called")
