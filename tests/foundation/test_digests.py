"""A digest is the BLAKE3 hash of the bytes, however they are read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import blake3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation import digests


@given(st.binary())
def test_a_digest_is_the_hash_of_the_bytes(raw: bytes) -> None:
    assert digests.of_bytes(raw) == "b3:" + blake3.blake3(raw).hexdigest()


@pytest.mark.parametrize("size", [0, 10, (1 << 20) - 1, 1 << 20, 3_000_001, (64 << 20) + 1])
def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path, size: int) -> None:
    raw = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (path := tmp_path / "file").write_bytes(raw)
    assert digests.of_file(path) == digests.of_bytes(raw)


def test_a_large_file_needs_no_memory_of_its_size(tmp_path: Path) -> None:
    with (path := tmp_path / "file").open("wb") as file:
        file.truncate(400 << 20)
    hashing = f"""
import pathlib
from trueup.foundation import digests
digests.of_file(pathlib.Path({str(path)!r}))
said = dict(line.split(":") for line in open("/proc/self/status"))
print(said["VmHWM"].split()[0])
"""
    done = subprocess.run([sys.executable, "-c", hashing], capture_output=True, check=True)
    assert int(done.stdout) < 150 << 10


def test_equal_data_has_one_digest() -> None:
    assert digests.of_record({"a": 1, "b": [2]}) == digests.of_record({"b": [2], "a": 1})
    assert digests.of_record({"a": 1}) != digests.of_record({"a": 2})


def test_a_short_digest_keeps_its_prefix() -> None:
    assert digests.short("b3:0123456789abcdef") == "b3:0123456789ab"
