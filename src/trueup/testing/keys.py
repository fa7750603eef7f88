"""What every signer must do. Give each function a way to open the same key: `open_key()`."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from trueup.foundation import digests
from trueup.ports.keys import Keys
from trueup.testing.expecting import expect


def signs_what_anybody_can_verify(open_key: Callable[[], Keys]) -> None:
    """A signature is plain Ed25519: the public key alone verifies it."""
    key = open_key()
    signature = key.sign(b"a statement")
    expect(len(signature) == 64, f"a signature has {len(signature)} bytes")
    Ed25519PublicKey.from_public_bytes(key.public_key()).verify(signature, b"a statement")
    expect(key.verify(b"a statement", signature), "the key denies its own signature")


def denies_everything_else(open_key: Callable[[], Keys]) -> None:
    """Another message, another signature or none at all does not verify."""
    key = open_key()
    signature = key.sign(b"a statement")
    changed = bytes([signature[0] ^ 1]) + signature[1:]
    expect(not key.verify(b"another statement", signature), "another message verifies")
    expect(not key.verify(b"a statement", changed), "a changed signature verifies")
    expect(not key.verify(b"a statement", b""), "no signature verifies")
    expect(not key.verify(b"a statement", signature + b"x"), "a longer signature verifies")


def is_the_same_key_when_opened_again(open_key: Callable[[], Keys]) -> None:
    """What was signed yesterday verifies today."""
    first, second = open_key(), open_key()
    expect(first.key_id == second.key_id, "opening again gives another key")
    expect(second.verify(b"yesterday", first.sign(b"yesterday")), "old signatures are lost")


def is_named_by_its_public_key(open_key: Callable[[], Keys]) -> None:
    """The identifier says which key signed, and tells nothing else."""
    key = open_key()
    expect(key.key_id == digests.of_bytes(key.public_key()), "key_id is not the digest")


PROOFS: tuple[Callable[[Callable[[], Keys]], None], ...] = (
    signs_what_anybody_can_verify,
    denies_everything_else,
    is_the_same_key_when_opened_again,
    is_named_by_its_public_key,
)
