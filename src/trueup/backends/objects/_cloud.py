"""What the cloud stores share: obstore's calls, and its failures as errors of ours.

Nothing of an obstore message is shown but the server's own error code and the status: the rest may
hold signed URLs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from trueup.foundation.errors import (
    BackendError,
    DeniedError,
    NotFoundError,
    TrueupError,
    UsageError,
)
from trueup.ports.objects import Stored, checked_path

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

_PAGE = 1000
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_NO_PLACE = ("NoSuchBucket", "ContainerNotFound")
_UNREACHABLE = ("error sending request", "kind: Connect", "dns error", "Connection refused")


class Cloud:
    """Objects in a bucket through obstore; the schemes differ in how the bucket is opened."""

    def __init__(self, url: str) -> None:
        self.bucket, self.prefix = self._place_of(url)
        self._store = self._open(url)

    @property
    def shown(self) -> str:
        """The URL for people."""
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    scheme = ""
    credentials = ""
    """What the hint of a refusal tells people to set."""

    def get(self, path: str) -> bytes:
        """The bytes of an object."""
        return self.get_tagged(path)[0]

    def get_tagged(self, path: str) -> tuple[bytes, str]:
        """The bytes of an object, tagged by what the store calls this state of it."""
        with self._translated("read", path):
            result = obstore.get(self._store, checked_path(path))
            raw = bytes(result.bytes())
            return raw, _tag(dict(result.meta))

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """Part of an object."""
        if length <= 0:
            return b""
        with self._translated("read", path):
            try:
                part = obstore.get_range(
                    self._store, checked_path(path), start=start, length=length
                )
            except BaseError as error:
                if "status code: 416" in str(error):  # it ends before the range begins
                    return b""
                raise
            return bytes(part)

    def put(self, path: str, raw: bytes) -> None:
        """Write an object in one request, over what was there."""
        with self._translated("written", path):
            # In one piece: a multipart upload that is killed leaves parts that cost money.
            obstore.put(self._store, checked_path(path), raw, use_multipart=False)

    def swap(self, path: str, raw: bytes, tag: str) -> str | None:
        """Write an object if the store still holds the state that `tag` names."""
        with self._translated("written", path):
            try:
                mode: Any = _state(tag) if tag else "create"
                return _tag(dict(obstore.put(self._store, checked_path(path), raw, mode=mode)))
            except (AlreadyExistsError, PreconditionError):
                return None

    def list(self, folder: str) -> Iterator[Stored]:
        """All objects below a folder, page by page."""
        with self._translated("listed", folder):
            below = checked_path(folder) + "/" if folder else None
            for page in obstore.list(self._store, below, chunk_size=_PAGE):
                for meta in page:
                    yield Stored(meta["path"], meta["size"], meta["last_modified"])

    def delete(self, paths: Iterable[str]) -> None:
        """Remove objects, many in one request where the store can."""
        wanted = [checked_path(path) for path in paths]
        for start in range(0, len(wanted), _PAGE):
            part = wanted[start : start + _PAGE]
            try:
                with self._translated("removed", part[0]):
                    obstore.delete(self._store, part)
            except NotFoundError as error:
                if error.code != "object-not-found":
                    raise

    def _open(self, url: str) -> ObjectStore:
        raise NotImplementedError

    def _place_of(self, url: str) -> tuple[str, str]:
        parts = urlsplit(url)
        if "@" in parts.netloc or parts.query or parts.fragment:
            # The URL is not repeated: what stands before the @ is most often a secret.
            raise UsageError(
                "remote-url",
                f"The URL of this {parts.scheme}:// remote holds more than a place. "
                "Credentials come from the environment, never from a URL.",
                hint=f'url = "{self.scheme}://bucket/prefix"',
            )
        prefix = parts.path.strip("/")
        if not parts.netloc or (prefix and not _is_path(prefix)):
            raise UsageError(
                "remote-url",
                f"'{url}' names no place for a remote.",
                hint=f'url = "{self.scheme}://bucket/prefix"',
            )
        return parts.netloc, prefix

    @contextmanager
    def _translated(self, done: str, path: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError, OSError, ValueError) as error:
            if isinstance(error, TrueupError):
                raise
            raise self._explained(str(error), done, path) from None

    def _explained(self, detail: str, done: str, path: str) -> TrueupError:
        status = match[1] if (match := _STATUS.search(detail)) else ""
        code = match[1] if (match := _CODE.search(detail)) else ""
        what = f"{_named(path)} remote {self.shown} could not be {done}"
        if code in _NO_PLACE:
            return NotFoundError(
                "remote-missing",
                f"The remote {self.shown} does not exist: the server knows no '{self.bucket}'.",
                hint=f"create the bucket '{self.bucket}', or correct [remotes] in trueup.toml",
            )
        if status in ("401", "403"):
            return DeniedError(
                "remote-refused",
                f"{what}: the server answered {status} {code or 'Forbidden'}.",
                hint=f"check {self.credentials}, and what they may do in '{self.bucket}'",
            )
        if status == "404":
            return NotFoundError(
                "object-not-found",
                f"The remote {self.shown} has no object '{path}'.",
                hint="trueup data verify --remote NAME",
            )
        if not status and any(sign in detail for sign in _UNREACHABLE):
            return BackendError(
                "remote-unreachable",
                f"{what}: no connection to {self._server()}.",
                hint="check the network, then run the same command again: it goes on where it was",
            )
        said = f"the server answered {status} {code}".rstrip() if status else _first_words(detail)
        return BackendError(
            "remote-failed",
            f"{what}: {said}.",
            hint="run the same command again: it goes on where it was",
        )

    def _server(self) -> str:
        return f"the server of '{self.bucket}'"


def client_options(*, allow_http: bool) -> ClientConfig:
    """How requests are sent. Long enough for a pack of 64 MiB over a slow line."""
    return {
        "allow_http": allow_http,
        "connect_timeout": timedelta(seconds=10),
        "timeout": timedelta(minutes=15),
        "default_content_type": "application/octet-stream",
    }


def retry_config() -> RetryConfig:
    """How failures that may pass are repeated: `TRUEUP_RETRIES` times, 6 by default."""
    asked = os.environ.get("TRUEUP_RETRIES", "")
    return {
        "max_retries": int(asked) if asked.isdecimal() else 6,
        "backoff": {
            "init_backoff": timedelta(milliseconds=100),
            "max_backoff": timedelta(seconds=10),
            "base": 2,
        },
        "retry_timeout": timedelta(minutes=4),
    }


def machine_is_of(vendor: str) -> bool:
    """Whether this machine runs in a vendor's cloud, which gives it credentials of its own.

    Elsewhere nobody answers at the address where such credentials are asked for, and waiting for
    that looks as if the command hung.
    """
    for name in ("sys_vendor", "product_name", "bios_vendor"):
        try:
            with open(f"/sys/class/dmi/id/{name}", encoding="utf-8") as file:  # noqa: PTH123
                if vendor in file.read():
                    return True
        except OSError:
            continue
    return False


def no_credentials(shown: str, export: str) -> DeniedError:
    """The refusal when the environment holds nothing to sign with."""
    return DeniedError(
        "remote-credentials",
        f"There are no credentials for the remote {shown}.",
        hint=export,
    )


def _is_path(prefix: str) -> bool:
    try:
        return bool(checked_path(prefix))
    except UsageError:
        return False


def _tag(meta: dict[str, Any]) -> str:
    return f"{meta.get('e_tag') or ''}\n{meta.get('version') or ''}"


def _state(tag: str) -> dict[str, str]:
    etag, _, version = tag.partition("\n")
    return {name: value for name, value in (("e_tag", etag), ("version", version)) if value}


def _first_words(detail: str) -> str:
    """What kind of failure it was, in words that cannot hold a secret."""
    for sign, words in (
        ("timed out", "it took too long"),
        ("TimedOut", "it took too long"),
        ("certificate", "its certificate was not accepted"),
        ("body", "the answer broke off"),
    ):
        if sign in detail:
            return words
    return "the request failed"


def _named(path: str) -> str:
    return f"'{path}' of the" if path else "The"
