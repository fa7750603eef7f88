"""An OCI image layout as a folder: blobs by digest, an index, and what refers to the image.

Formats: OCI image specification 1.1. Nothing but the standard library and files is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from trueup.app.packaging.layers import Layer, sha256
from trueup.foundation.errors import UsageError

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_EMPTY: Final = "application/vnd.oci.empty.v1+json"
_NAME: Final = "org.opencontainers.image.ref.name"

Json = dict[str, Any]


class Base(msgspec.Struct, frozen=True):
    """An image to stand on, read from a layout.

    Attributes:
        folder: Of the layout.
        layers: Descriptors of its layers.
        config: Its configuration.
        digest: Of its manifest.
    """

    folder: Path
    layers: list[Json]
    config: Json
    digest: str


class Layout:
    """A layout that is being written.

    Args:
        folder: Where; it is there and empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)
        self._manifests: list[Json] = []

    def image(
        self, name: str, layers: Sequence[Layer], config: Json, notes: Mapping[str, str], base: Base
    ) -> Json:
        """Write an image and return its descriptor."""
        for below in base.layers:
            self._take(base.folder, below["digest"])
        own = [
            self._put(one.raw, _LAYER, {"org.opencontainers.image.title": one.name})
            for one in layers
        ]
        below = base.config.get("rootfs", {}).get("diff_ids", [])
        config = base.config | config
        config["rootfs"] = {"type": "layers", "diff_ids": [*below, *(one.diff for one in layers)]}
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._put(_json(config), _CONFIG),
            "layers": [*base.layers, *own],
            "annotations": dict(notes),
        }
        found = self._put(_json(manifest), _MANIFEST)
        self._manifests.append(found | {"annotations": {_NAME: name}})
        return found

    def refer(self, subject: Json, kind: str, raw: bytes, title: str) -> None:
        """Write an artifact that speaks of an image."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "artifactType": kind,
            "config": self._put(b"{}", _EMPTY),
            "layers": [self._put(raw, kind, {"org.opencontainers.image.title": title})],
            "subject": subject,
        }
        self._manifests.append(self._put(_json(manifest), _MANIFEST) | {"artifactType": kind})

    def close(self) -> None:
        """Write the index: only now it is a layout."""
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": self._manifests}
        (self.folder / "index.json").write_bytes(_json(index))
        (self.folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))

    def _put(self, raw: bytes, kind: str, notes: Mapping[str, str] | None = None) -> Json:
        digest = sha256(raw)
        (self._blobs / digest.removeprefix("sha256:")).write_bytes(raw)
        found: Json = {"mediaType": kind, "digest": digest, "size": len(raw)}
        return found | ({"annotations": dict(notes)} if notes else {})

    def _take(self, folder: Path, digest: str) -> None:
        raw = _blob(folder, digest)
        (self._blobs / digest.removeprefix("sha256:")).write_bytes(raw)


def read_base(folder: str) -> Base:
    """The image of a layout; `FOLDER` alone where it holds one, else `FOLDER:NAME`.

    Raises:
        UsageError: It is no layout, holds no such image, or is damaged.
    """
    place, _, name = folder.partition(":")
    root = Path(place)
    try:
        index = msgspec.json.decode((root / "index.json").read_bytes())
        images = [m for m in index["manifests"] if m.get("mediaType") == _MANIFEST]
        images = [m for m in images if "artifactType" not in m]
        named = [m for m in images if not name or m.get("annotations", {}).get(_NAME) == name]
        if len(named) != 1:
            raise _no_base(folder, f"it holds {len(named)} such images, and one is wanted")
        manifest = msgspec.json.decode(_blob(root, named[0]["digest"]))
        config = msgspec.json.decode(_blob(root, manifest["config"]["digest"]))
        return Base(root, manifest["layers"], config, named[0]["digest"])
    except (OSError, KeyError, TypeError, msgspec.DecodeError) as error:
        raise _no_base(folder, f"it cannot be read ({type(error).__name__})") from error


def _blob(root: Path, digest: str) -> bytes:
    kind, _, name = digest.partition(":")
    if kind != "sha256" or len(name) != 64 or set(name) - set("0123456789abcdef"):
        raise _no_base(str(root), "it names a blob by what is no SHA-256 digest")
    raw = (root / "blobs" / kind / name).read_bytes()
    if sha256(raw) != digest:
        raise _no_base(str(root), f"its blob {name[:12]} is damaged")
    return raw


def _json(value: Json) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _no_base(folder: str, why: str) -> UsageError:
    return UsageError(
        "package-base",
        f"'{folder}' is no image to stand on: {why}.",
        hint="skopeo copy docker://python:3.11-slim oci:base:python   and: --base base:python",
    )
