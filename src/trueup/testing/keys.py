"""What every signer must do. Give each function a way to open the same key: `open_key()`."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from trueup.foundation import digests
from trueup.foundation.errors import BackendError
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


def opens_what_it_sealed_and_nothing_else(open_key: Callable[[], Keys]) -> None:
    """A sealed secret shows nothing, and opens only for the same key and the same thing."""
    sealed = open_key().seal(b"a secret of somebody", "webhook:1")
    expect(b"secret" not in sealed, "what is sealed can be read")
    expect(sealed != open_key().seal(b"a secret of somebody", "webhook:1"), "equal ones look equal")
    found = open_key().unseal(sealed, "webhook:1")
    expect(found == b"a secret of somebody", "what was sealed yesterday is another secret today")
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for wrong, about in ((sealed, "webhook:2"), (changed, "webhook:1"), (b"", "webhook:1")):
        try:
            open_key().unseal(wrong, about)
        except BackendError:
            continue
        expect(False, "something else than what was sealed opens")


PROOFS: tuple[Callable[[Callable[[], Keys]], None], ...] = (
    signs_what_anybody_can_verify,
    denies_everything_else,
    is_the_same_key_when_opened_again,
    is_named_by_its_public_key,
    opens_what_it_sealed_and_nothing_else,
)
