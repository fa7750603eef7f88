"""What the files of a DVC repository say: outputs, settings, folder lists, cache paths. Pure.

Layouts of DVC 2 and DVC 3 are known. Up to version 2, DVC took the MD5 of text with its line ends
turned into LF; such an output names no `hash`, and lies directly under the cache folder.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec
import yaml

from trueup.foundation.errors import UsageError
from trueup.foundation.records import Record

FOLDER: Final = ".dir"
LOCK: Final = "dvc.lock"
SUFFIX: Final = ".dvc"
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


class Output(Record):
    """One output that DVC keeps.

    Attributes:
        path: Its place in the repository.
        md5: Its digest; of a folder, of the list of its files, with `.dir` behind it.
        is_old: Whether it was written by DVC 2: text was hashed with its line ends as LF.
        declared_in: The `.dvc` file or `dvc.lock` that names it.
    """

    path: str
    md5: str
    is_old: bool
    declared_in: str

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return self.md5.endswith(FOLDER)


class Skipped(Record):
    """An output that cannot be taken over, and why."""

    path: str
    why: str


class Listed(Record):
    """One file of a folder."""

    path: str
    md5: str


def outputs(text: str, declared_in: str) -> tuple[list[Output], list[Skipped]]:
    """The outputs that a `.dvc` file or a `dvc.lock` names.

    Args:
        text: The file.
        declared_in: Its place in the repository.

    Raises:
        UsageError: It is not what DVC writes.
    """
    try:
        whole = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _malformed(declared_in, str(error).splitlines()[0]) from error
    if whole is None:
        return [], []
    if not isinstance(whole, dict):
        raise _malformed(declared_in, "it is no mapping")
    folder = PurePosixPath(declared_in).parent
    found: list[Output] = []
    skipped: list[Skipped] = []
    for place, entry in _entries(whole, declared_in):
        read = _output(folder, place, entry, declared_in)
        if isinstance(read, Output):
            found.append(read)
        else:
            skipped.append(read)
    return found, skipped


def files_of(raw: bytes, md5: str) -> list[Listed]:
    """The files of a folder, sorted by path.

    Raises:
        UsageError: The list is not what DVC writes, or names a path that leads out.
    """
    try:
        listed = msgspec.json.decode(raw, type=list[dict[str, Any]])
        found = [Listed(path=str(each["relpath"]), md5=str(each["md5"])) for each in listed]
    except (msgspec.MsgspecError, KeyError) as error:
        raise _malformed(f"the folder list {md5}", str(error)) from error
    for each in found:
        if not _MD5.fullmatch(each.md5) or not _is_inside(each.path):
            raise _malformed(f"the folder list {md5}", f"it names {each.path!r}")
    return sorted(found, key=lambda each: each.path)


def cache_folder(*configs: str) -> str:
    """The cache folder that the settings name, later ones first; empty for DVC's own default.

    Example:
        >>> cache_folder("[core]\\n remote = s3\\n['remote \\"s3\\"']\\n url = s3://x\\n[cache]\\n dir = ../c")
        '../c'
    """  # noqa: E501
    found = ""
    for text in configs:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string("\n".join(line.strip() for line in text.splitlines()))
        except configparser.Error as error:
            raise _malformed(".dvc/config", str(error).splitlines()[0]) from error
        found = parser.get("cache", "dir", fallback=found)
    return found


def cache_paths(md5: str) -> tuple[str, str]:
    """Where the cache may hold a digest: the place of DVC 3, and the one of DVC 2.

    Example:
        >>> cache_paths("0cc175b9c0f1b6a831c399e269772661")
        ('files/md5/0c/c175b9c0f1b6a831c399e269772661', '0c/c175b9c0f1b6a831c399e269772661')
    """
    return f"files/md5/{md5[:2]}/{md5[2:]}", f"{md5[:2]}/{md5[2:]}"


def _entries(whole: dict[str, Any], declared_in: str) -> Iterator[tuple[PurePosixPath, Any]]:
    """Each output with the folder that its path starts from."""
    nothing = PurePosixPath()
    if PurePosixPath(declared_in).name != LOCK:
        started = PurePosixPath(str(whole.get("wdir", ".")))
        yield from ((started, entry) for entry in whole.get("outs") or ())
        return
    # Up to DVC 2.0 the stages stood at the top, without a word around them.
    stages = whole.get("stages", {}) if "schema" in whole else whole
    for stage in (stages or {}).values():
        if isinstance(stage, dict):
            yield from ((nothing, entry) for entry in stage.get("outs") or ())


def _output(
    folder: PurePosixPath, started: PurePosixPath, entry: Any, declared_in: str
) -> Output | Skipped:
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        raise _malformed(declared_in, "an output has no path")
    given = entry["path"]
    if "://" in given or given.startswith("/"):
        return Skipped(path=given, why="it lies outside of the repository")
    path = _joined(folder / started / given)
    if path is None:
        return Skipped(path=given, why="it lies outside of the repository")
    md5 = entry.get("md5")
    if not isinstance(md5, str) or not _MD5.fullmatch(md5):
        kinds = [name for name in ("etag", "checksum", "files", "version_id") if name in entry]
        why = f"DVC knows it by {kinds[0]}, not by its content" if kinds else "it has no MD5 yet"
        return Skipped(path=path, why=why)
    return Output(path=path, md5=md5, is_old=entry.get("hash") != "md5", declared_in=declared_in)


def _joined(path: PurePosixPath) -> str | None:
    """The path without its dots; None if it leads out."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and not parts:
            return None
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return bool(path) and not path.startswith("/") and not {"", ".", ".."} & set(parts)


def _malformed(what: str, why: str) -> UsageError:
    return UsageError(
        "dvc-malformed",
        f"{what} is not what DVC writes: {why}.",
        hint="dvc status",
    )
