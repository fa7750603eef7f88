"""A pickle is known by its bytes, whatever it is called and however it is packed."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import pickle
import pickletools
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest
import skops.io
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from trueup.lifecycle.models.contents.containers import danger_in


def danger(raw: bytes) -> str:
    return danger_in(io.BytesIO(raw))


CANARY = "canary"


class Bomb:
    """Unpickling it would write a file."""

    def __reduce__(self) -> Any:
        return os.makedirs, (CANARY,)


def bomb(protocol: int) -> bytes:
    return pickle.dumps(Bomb(), protocol)


def zipped(*members: tuple[str, bytes], before: bytes = b"", method: int = 0) -> bytes:
    out = io.BytesIO()
    out.write(before)
    with zipfile.ZipFile(out, "a", method) as archive:
        for name, raw in members:
            archive.writestr(name, raw)
    return out.getvalue()


def tarred(name: str, raw: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(raw)
        archive.addfile(entry, io.BytesIO(raw))
    return out.getvalue()


def saved(writer: Callable[[Any], Any]) -> bytes:
    out = io.BytesIO()
    writer(out)
    return out.getvalue()


def joblibbed(compress: Any) -> bytes:
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    return saved(lambda out: joblib.dump(model, out, compress=compress))


OBJECTS = np.array([Bomb(), None], dtype=object)
TORCH_OLD = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + bomb(2)
DANGEROUS = {
    **{f"protocol {number}": bomb(number) for number in range(6)},
    **{f"model, protocol {n}": pickle.dumps(LogisticRegression(), n) for n in range(6)},
    "without its first byte": bomb(4)[2:],
    "bare words": b"cos\nsystem\n(S'touch canary'\ntR.",
    "an instance": b"(S'touch canary'\nios\nsystem\n.",
    "after another": b"I1\n.cos\nsystem\n(S'touch canary'\ntR.",
    "without an end": b"cos\nsystem\n(S'touch canary'\ntR" + b"\xff" * 50,
    "behind a long text": b"S'" + b"a" * 5000 + b"'\n0" + bomb(0),
    "behind a very long text": b"S'" + b"a" * (3 << 20) + b"'\n0" + bomb(0),
    "behind a very long text, packed": gzip.compress(b"S'" + b"a" * (3 << 20) + b"'\n0" + bomb(0)),
    "cloudpickle": cloudpickle.dumps(lambda: Path(CANARY).mkdir()),
    "torch": zipped(("archive/data.pkl", bomb(2)), ("archive/data/0", b"\0" * 64)),
    "torch, old": TORCH_OLD,
    "zip behind other bytes": zipped(("x", bomb(2)), before=b"# a harmless text\n"),
    "zip in a zip": zipped(("inner.zip", zipped(("x.txt", bomb(0))))),
    "zip, deflated": zipped(("x.json", bomb(3)), method=zipfile.ZIP_DEFLATED),
    "tar": tarred("weights", bomb(2)),
    "array": saved(lambda out: np.save(out, OBJECTS, allow_pickle=True)),
    "arrays": saved(lambda out: np.savez(out, a=np.arange(3), b=OBJECTS, allow_pickle=True)),
    "a field of an array": saved(
        lambda out: np.save(out, np.array([(1, None)], dtype=[("a", "i4"), ("b", "O")]))
    ),
    "gzip": gzip.compress(bomb(4)),
    "zlib": zlib.compress(bomb(4)),
    "bz2": bz2.compress(bomb(4)),
    "xz": lzma.compress(bomb(4)),
    "lzma": lzma.compress(bomb(4), lzma.FORMAT_ALONE),
    "zstd": zstandard.compress(bomb(4)),
    "gzip in gzip": gzip.compress(gzip.compress(bomb(0))),
    "lz4": b"\x04\x22\x4d\x18" + b"\0" * 30,
    "joblib of 2014": b"ZF0x3c5               " + zlib.compress(bomb(2)),
    **{
        f"joblib {c}": joblibbed(c) for c in (0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3))
    },
    "a broken zip": zipped(("x", b"text"))[:-30],
}
HARMLESS = {
    "nothing": b"",
    "a full stop": b".",
    "text": b"Some words about a model.\nIt is small.\n",
    "requirements": b"cloudpickle\nnumpy\nscikit-learn\n",
    "more requirements": b"catboost==1.2\npandas\nxgboost\n",
    "MLmodel": b"artifact_path: model\nflavors:\n  python_function:\n    env: conda.yaml\n",
    "conda": b"channels:\n- conda-forge\ndependencies:\n- python=3.11\nname: mlflow-env\n",
    "json": b'{"learner": {"attributes": {}}}',
    "source": b"import os\n\nclass Model:\n    pass\n",
    "trees": b"tree\nversion=v4\nnum_class=1\n",
    "numbers": b"1,2,3\n4,5,6\n",
    "array": saved(lambda out: np.save(out, np.arange(9.0))),
    "arrays": saved(lambda out: np.savez(out, a=np.arange(3), b=np.array(["x"]))),
    "skops": skops.io.dumps(LogisticRegression().fit([[0.0], [1.0]], [0, 1])),
    "gzip": gzip.compress(b"a,b\n1,2\n"),
    "zeros": bytes(4096),
    "a picture": b"BM\x36\x00\x30\x00" + bytes(3 << 20),
    "a long line": b"S" * (2 << 20),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "zip's end in a text": b"the mark PK\x05\x06 ends an archive\n",
    "safetensors": (64).to_bytes(8, "little") + b'{"a":{"dtype":"F32","shape":[1]}}'.ljust(64),
}


@pytest.mark.parametrize("what", DANGEROUS)
def test_a_pickle_is_seen(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert danger(DANGEROUS[what])
    assert not list(tmp_path.iterdir())  # and nothing of it was carried out


@pytest.mark.parametrize("what", HARMLESS)
def test_what_is_no_pickle_is_let_be(what: str) -> None:
    assert danger(HARMLESS[what]) == ""


def test_the_reason_names_the_file_inside() -> None:
    assert danger(DANGEROUS["torch"]) == "holds 'archive/data.pkl', which is a pickle"
    assert danger(DANGEROUS["gzip"]) == "is a pickle under its compression"


def test_a_bomb_of_zeros_is_not_unpacked() -> None:
    assert danger(gzip.compress(bytes(64 << 20))) == ""
    nested = bomb(2)
    for _ in range(8):
        nested = gzip.compress(nested)
    assert "more deeply" in danger(nested)


HARMLESS_OPERATIONS = st.sampled_from(
    [b"N0", b"I1\n0", b"(1", b"K\x010", b"]0", b"}0", b"S'a'\n0", b"(lp0\n0", b"\x880", b"(d0"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(HARMLESS_OPERATIONS, max_size=12), st.integers(0, 5), st.binary(max_size=20))
def test_nothing_before_and_behind_a_pickle_hides_it(
    before: list[bytes], protocol: int, after: bytes
) -> None:
    assert danger(b"".join(before) + bomb(protocol) + after)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(range(6)), st.integers(0, 200), st.integers(0, 255))
def test_what_python_would_carry_out_after_a_change_is_still_seen(
    protocol: int, place: int, value: int
) -> None:
    raw = bytearray(bomb(protocol))
    raw[place % len(raw)] = value
    if would_call(bytes(raw)):
        assert danger(bytes(raw))


def would_call(raw: bytes) -> bool:
    """Whether Python's own machine gets as far as to look up a name; it finds none."""

    class Machine(pickle._Unpickler):  # type: ignore[name-defined,misc]
        def find_class(self, module: str, name: str) -> Any:
            seen.append((module, name))
            return lambda *_: calls.append(name) or object()

    seen: list[Any] = []
    calls: list[Any] = []
    with contextlib.suppress(Exception):  # any change may break it in any way
        Machine(io.BytesIO(raw)).load()
    return bool(calls)


def test_the_machine_of_the_test_sees_the_bomb() -> None:
    assert would_call(bomb(0)) and would_call(bomb(5))
    assert pickletools.optimize(bomb(2))
