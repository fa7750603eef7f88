"""Large files in parts: each is sent, and sent again, by itself; at the end they become one file.

An upload is a folder of the project's state: a record of what it is for, and the parts that came.
Whoever holds its token may send parts; only who may write runs begins, ends or drops one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Final, NamedTuple

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.configuration import make_private
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError, UsageError
from trueup.foundation.records import Record, decode, encode
from trueup.lifecycle.runs.tracking.files import rules
from trueup.lifecycle.runs.tracking.files.content import PIECE
from trueup.lifecycle.runs.tracking.files.service import Files

PARTS: Final = 10_000
_RECORD: Final = "upload.json"
_ID = re.compile(r"[0-9a-f]{32}")
_ABANDONED: Final = timedelta(days=7)


class Upload(Record):
    """A file that is being sent in parts.

    Attributes:
        path: Where it will be kept.
        parts: How many there will be.
        token: Hash of the token that sends them.
        begun_by: Who began it.
        begun_at: When.
        is_done: It was put together; asking again changes nothing.
    """

    path: str
    parts: int
    token: str
    begun_by: str
    begun_at: datetime
    is_done: bool = False


class Begun(NamedTuple):
    """What the sender needs: the upload's identifier, and the token of its parts."""

    id: str
    token: str


class Uploads:
    """Files that are sent in parts.

    Args:
        folder: Where parts wait; private to the project.
        files: Where whole files go.
    """

    def __init__(self, folder: Path, files: Files) -> None:
        self._folder = folder
        self._files = files

    def begin(self, actor: Actor, path: str, parts: int) -> Begun:
        """Begin to send a file.

        Raises:
            UsageError: The path cannot name a file, or the number of parts is out of bounds.
            DeniedError: The actor may not write runs.
        """
        rules.checked(path)
        if not 1 <= parts <= PARTS:
            raise UsageError(
                "upload-parts",
                f"A file is sent in 1 to {PARTS} parts, not in {parts}.",
                hint="send larger parts",
            )
        self._files.require_writer(actor)
        self._sweep()
        begun = Begun(secrets.token_hex(16), secrets.token_urlsafe(32))
        place = make_private(self._folder / begun.id)
        upload = Upload(
            path=path,
            parts=parts,
            token=_hash(begun.token),
            begun_by=actor.name,
            begun_at=clock.now(),
        )
        _write(place / _RECORD, encode(upload))
        return begun

    @contextmanager
    def part(self, upload_id: str, number: int, token: str) -> Iterator[_Part]:
        """A part to be written in the block; sent again, it replaces itself.

        Raises:
            NotFoundError: There is no such upload.
            DeniedError: The token is not that of the upload.
            UsageError: It has no part of this number.
        """
        place, upload = self._find(upload_id)
        if not hmac.compare_digest(_hash(token), upload.token):
            raise DeniedError(
                "upload-token", "The token does not belong to this upload.", hint="begin it again"
            )
        if not 1 <= number <= upload.parts:
            raise UsageError(
                "upload-parts", f"The upload has {upload.parts} parts, so there is no {number}."
            )
        aside = place / f"incoming-{secrets.token_hex(8)}"
        try:
            with aside.open("xb") as file:
                part = _Part(file)
                yield part
            aside.replace(place / _name(number, part.tag))
            for older in place.glob(f"{number:05}-*"):
                if older.name != _name(number, part.tag):
                    older.unlink(missing_ok=True)
        finally:
            aside.unlink(missing_ok=True)

    def arrived(self, actor: Actor, upload_id: str) -> dict[int, str]:
        """The parts that came, by number, with their tags; what is missing is to be sent.

        Raises:
            NotFoundError: There is no such upload.
        """
        self._files.require_writer(actor)
        place, _ = self._find(upload_id)
        return _parts(place)

    def finish(self, actor: Actor, upload_id: str, tags: dict[int, str]) -> None:
        """Put the parts together and keep the file; again changes nothing.

        Args:
            actor: Who ends it.
            upload_id: Which upload.
            tags: The tag of each part, as the sender knows them.

        Raises:
            NotFoundError: There is no such upload.
            ConflictError: A part is missing, or is not the one that the sender means.
        """
        self._files.require_writer(actor)
        place, upload = self._find(upload_id)
        if upload.is_done:
            return
        here = _parts(place)
        wrong = [n for n in range(1, upload.parts + 1) if n not in here or here[n] != tags.get(n)]
        if wrong:
            raise ConflictError(
                "upload-incomplete",
                f"Part {wrong[0]} of {upload.parts} is missing or is another one.",
                hint="send it again",
                context={"parts": wrong[:100]},
            )
        with self._files.receiving(actor, upload.path) as file:
            for number in range(1, upload.parts + 1):
                with (place / _name(number, here[number])).open("rb") as part:
                    shutil.copyfileobj(part, file, PIECE)
        done = {name: getattr(upload, name) for name in upload.__struct_fields__}
        _write(place / _RECORD, encode(Upload(**{**done, "is_done": True})))
        for number, tag in here.items():
            (place / _name(number, tag)).unlink(missing_ok=True)

    def drop(self, actor: Actor, upload_id: str) -> None:
        """Forget an upload; one that is gone already is no error."""
        self._files.require_writer(actor)
        if _ID.fullmatch(upload_id):
            shutil.rmtree(self._folder / upload_id, ignore_errors=True)

    def _find(self, upload_id: str) -> tuple[Path, Upload]:
        place = self._folder / upload_id
        if _ID.fullmatch(upload_id) and (place / _RECORD).is_file():
            return place, decode((place / _RECORD).read_bytes(), Upload)
        raise NotFoundError(
            "upload-not-found", "There is no such upload; it may have ended.", hint="begin it again"
        )

    def _sweep(self) -> None:
        """Remove uploads that nobody went on with for a week."""
        if not self._folder.is_dir():
            return
        before = (clock.now() - _ABANDONED).timestamp()
        for place in self._folder.iterdir():
            if place.stat().st_mtime < before:
                shutil.rmtree(place, ignore_errors=True)


class _Part:
    """Writes a part and takes its tag on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        self._hash.update(piece)
        self._file.write(piece)

    @property
    def tag(self) -> str:
        """What tells this part from any other."""
        return self._hash.hexdigest()[:32]


def _parts(place: Path) -> dict[int, str]:
    names = (each.name for each in place.glob("[0-9]*-*"))
    return {int(name[:5]): name[6:] for name in names}


def _name(number: int, tag: str) -> str:
    return f"{number:05}-{tag}"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _write(path: Path, raw: bytes) -> None:
    aside = path.with_name(f"{path.name}.incoming")
    aside.write_bytes(raw)
    aside.replace(path)
