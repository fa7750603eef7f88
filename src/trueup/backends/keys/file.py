"""A signing key in a file: `file:///path`, mode 0600, made at first use.

It protects against edits by whoever cannot read the file, and against nobody who can.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from trueup.foundation import digests
from trueup.foundation.configuration import make_private
from trueup.foundation.errors import BackendError

# Most commands sign nothing: the library of keys is imported where one is used.
if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12


class Backend:
    """One Ed25519 key, 32 raw bytes in a file."""

    def __init__(self, url: str) -> None:
        self.path = Path(unquote(urlsplit(url).path))

    @cached_property
    def _private(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        make_private(self.path.parent)
        if not self.path.exists():
            self._create()
        raw = self.path.read_bytes()
        if len(raw) != 32:
            raise BackendError(
                "key-damaged",
                f"The signing key {self.path} holds {len(raw)} bytes instead of 32.",
                hint=f"restore '{self.path}' from a backup",
            )
        return Ed25519PrivateKey.from_private_bytes(raw)

    @cached_property
    def key_id(self) -> str:
        """Digest of the public key."""
        return digests.of_bytes(self.public_key())

    def public_key(self) -> bytes:
        """The 32 raw bytes of the public key."""
        return self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of a message."""
        return self._private.sign(message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed exactly this message."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._private.public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def seal(self, secret: bytes, about: str) -> bytes:
        """A secret under AES-256-GCM: a random nonce, then what it made of it."""
        nonce = os.urandom(_NONCE)
        return nonce + self._envelope.encrypt(nonce, secret, about.encode())

    def unseal(self, sealed: bytes, about: str) -> bytes:
        """The secret that was sealed under the same `about`."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._envelope.decrypt(sealed[:_NONCE], sealed[_NONCE:], about.encode())
        except (InvalidTag, ValueError) as error:
            raise BackendError(
                "secret-sealed",
                f"The secret of {about} cannot be opened with the key {self.path}.",
                hint=f"restore '{self.path}' from a backup, or set the secret again",
            ) from error

    @cached_property
    def _envelope(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        # A key of its own, made of the one that signs: neither use can weaken the other.
        raw = self._private.private_bytes_raw()
        return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"trueup/seal").derive(raw))

    def _create(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        aside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(Ed25519PrivateKey.generate().private_bytes_raw())
            file.flush()
            os.fsync(handle)
        try:
            os.link(aside, self.path)  # whoever links first wins: two starts agree on one key
        except FileExistsError:
            pass
        finally:
            aside.unlink()
