"""Blobs in a folder, `local:///folder`: large ones as files, small ones in packs. See `store`."""

from __future__ import annotations

from trueup.backends.blobs.local.store import Backend

__all__ = ["Backend"]
