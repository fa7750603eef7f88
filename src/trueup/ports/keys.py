"""The key port: one Ed25519 key that signs verdicts and checkpoints, and seals kept secrets."""

from __future__ import annotations

from typing import Protocol


class Keys(Protocol):
    """A signer. A back end is made with its URL; the private key never leaves it."""

    def __init__(self, url: str) -> None: ...

    @property
    def key_id(self) -> str:
        """Digest of the public key: says which key signed."""
        ...

    def public_key(self) -> bytes:
        """The 32 raw bytes of the public key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of a message."""
        ...

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed exactly this message."""
        ...

    def seal(self, secret: bytes, about: str) -> bytes:
        """A secret as it may be kept: only this key opens it, and only as what it is `about`."""
        ...

    def unseal(self, sealed: bytes, about: str) -> bytes:
        """The secret that was sealed under the same `about`.

        Raises:
            BackendError: Another key sealed it, as something else, or it was changed.
        """
        ...
