"""One prediction's chain: every digest is recomputed from bytes, by no code of ours."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl
import pytest
import skops.io
from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

pytestmark = pytest.mark.slow  # whoever comes first makes the journey

DTYPES = {"number": pl.Float64, "integer": pl.Int64, "text": pl.String, "boolean": pl.Boolean}


class Listed(NamedTuple):
    """One file of a data version, as its manifest says."""

    path: str
    digest: str
    size: int


def listed(journey: Any, root: str) -> list[Listed]:
    """The files below a manifest: MessagePack, a root of shards, a shard column by column."""
    found: list[Listed] = []
    for _first, shard, _files, _size in msgspec.msgpack.decode(journey.blob(root))[2]:
        paths, keys, sizes = msgspec.msgpack.decode(journey.blob("b3:" + shard.hex()))[1:4]
        for i, path in enumerate(paths.split("\0")):
            found.append(Listed(path, "b3:" + keys[32 * i : 32 * i + 32].hex(), sizes[i]))
    return found


class Chain(NamedTuple):
    """The rows that the prediction which the summary names leads to."""

    prediction: dict[str, Any]
    row: int
    release: dict[str, Any]
    version: dict[str, Any]
    manifest: dict[str, Any]
    run: dict[str, Any]
    verdict: dict[str, Any]
    statement: dict[str, Any]
    approval: dict[str, Any]
    plan: dict[str, Any]


@pytest.fixture(scope="module")
def chain(journey: Any) -> Chain:
    """From the prediction to the plan, each link found by what the one before it names."""
    request, _, row = journey.summary["a_prediction"].removeprefix("prediction:").rpartition("-")
    (prediction,) = (r for r in journey.journal("predictions") if r["request"] == request)
    release = journey.row(
        "SELECT * FROM releases WHERE deployment = ? AND number = ?",
        *(prediction["deployment"], prediction["release"]),
    )
    model, _, number = prediction["model_ref"].partition("@")
    version = journey.row(
        "SELECT * FROM model_versions WHERE model = ? AND version = ?", model, number
    )
    manifest = json.loads(version["manifest"])
    verdict = journey.row("SELECT * FROM verdicts WHERE id = ?", release["verdict"])
    statement = json.loads(verdict["statement"])
    return Chain(
        prediction,
        int(row),
        release,
        version,
        manifest,
        journey.row("SELECT * FROM runs WHERE id = ?", manifest["run"]),
        verdict,
        statement,
        journey.row("SELECT * FROM approvals WHERE id = ?", release["approval"]),
        journey.row("SELECT * FROM plans WHERE digest = ?", statement["plan"]),
    )


@pytest.fixture(scope="module")
def public_key(journey: Any) -> Ed25519PublicKey:
    """The key that others are given."""
    raw = (journey.home / "keys" / "signing.key").read_bytes()
    shared = Ed25519PrivateKey.from_private_bytes(raw).public_key()
    return Ed25519PublicKey.from_public_bytes(shared.public_bytes(Encoding.Raw, PublicFormat.Raw))


def test_the_score_is_what_the_model_file_says_about_the_inputs(journey: Any, chain: Chain) -> None:
    raw = journey.blob(chain.manifest["file"])
    assert digest(raw) == chain.manifest["file"]
    model = skops.io.loads(raw, trusted=skops.io.get_untrusted_types(data=raw))
    columns = chain.manifest["signature"]["inputs"]
    inputs = chain.prediction["inputs"]
    assert list(inputs) == [column["name"] for column in columns]
    rows = pl.DataFrame(
        [pl.Series(c["name"], inputs[c["name"]], DTYPES[c["kind"]]) for c in columns]
    )
    scores = model.predict_proba(rows)[:, 1].tolist()
    assert chain.prediction["rows"][chain.row] == chain.row
    assert scores == pytest.approx(chain.prediction["scores"], abs=1e-12)
    assert journey.labels()[f"{chain.prediction['request']}-{chain.row}"] == 1.0


def test_the_prediction_s_segment_is_in_the_ledger(journey: Any, chain: Chain) -> None:
    (file,) = (journey.home / "journal").glob("*.journal")
    segment = journey.row("SELECT * FROM journal_segments WHERE name = ?", file.stem)
    assert segment["digest"] == digest(file.read_bytes())
    assert segment["rows"] == journey.summary["books"]["journaled"]
    event = journey.row("SELECT * FROM events WHERE subject = ?", f"journal:{file.stem}")
    assert (event["type"], event["after"]) == ("journal.segment-sealed", segment["digest"])


def test_the_version_s_address_is_its_manifest(journey: Any, chain: Chain) -> None:
    assert chain.version["digest"] == digest(chain.version["manifest"].encode())
    for part in ("file", "reference", "holdout", "trained_on", "environment"):
        assert digest(journey.blob(chain.manifest[part])) == chain.manifest[part], part
    reference = json.loads(journey.blob(chain.manifest["reference"]))
    trained_on = pl.read_parquet(io.BytesIO(journey.blob(chain.manifest["trained_on"])))
    assert reference["rows"] == trained_on.height
    assert chain.manifest["label"] in trained_on.columns


def test_the_run_made_exactly_this(journey: Any, chain: Chain) -> None:
    candidate = json.loads(chain.run["candidate"])
    assert chain.run["state"] == "finished"
    for place, part in (("model", "file"), ("trained_on", "trained_on"), ("holdout", "holdout")):
        assert candidate[place]["digest"] == chain.manifest[part]
    for same in ("code", "commit", "environment", "pipeline"):
        assert chain.run[same] == chain.manifest[same]
    assert json.loads(chain.run["data"]) == chain.manifest["data"]
    assert json.loads(chain.run["parameters"]) == chain.manifest["parameters"]
    assert not chain.run["dirty"]


def test_the_data_is_what_lies_in_the_warehouse(journey: Any, chain: Chain) -> None:
    assert sorted(chain.manifest["data"]) == ["flights", "planes", "weather"]
    for name, address in chain.manifest["data"].items():
        version = journey.row(
            "SELECT * FROM dataset_versions WHERE name = ? AND digest = ?", name, address
        )
        assert digest(journey.blob(address)) == address
        place = journey.folder / "warehouse" / ("planes.parquet" if name == "planes" else name)
        kept = listed(journey, address)
        assert len(kept) == version["files"] == (1 if name == "planes" else 3)
        rows = 0
        for file in kept:
            raw = journey.blob(file.digest)
            landed = place if place.is_file() else place / file.path
            assert digest(raw) == digest(landed.read_bytes()) == file.digest
            assert len(raw) == file.size
            rows += pl.read_parquet(io.BytesIO(raw)).height
        assert version["rows"] == rows


def test_no_flight_of_the_future_was_learned_from(journey: Any, chain: Chain) -> None:
    for file in listed(journey, chain.manifest["data"]["flights"]):
        rows = pl.read_parquet(io.BytesIO(journey.blob(file.digest)))
        # What happened is known two days later.
        assert (
            rows.select(pl.date("year", "month", "day").max()).item() < datetime(2013, 3, 30).date()
        )


def test_the_verdict_is_signed_and_speaks_of_this_version(
    chain: Chain, public_key: Ed25519PublicKey
) -> None:
    assert chain.verdict["digest"] == digest(chain.verdict["statement"].encode())
    assert chain.verdict["key"] == key_id(public_key)
    signature = bytes.fromhex(chain.verdict["signature"])
    public_key.verify(signature, chain.verdict["digest"].encode())
    with pytest.raises(InvalidSignature):
        public_key.verify(signature, digest(b"something else").encode())
    assert chain.statement["outcome"] == "PASSED"
    assert chain.statement["model"] == chain.version["digest"]
    assert chain.statement["data"] == chain.manifest["holdout"]


def test_the_approval_is_bound_to_this_content(chain: Chain) -> None:
    content = {
        "deployment": chain.prediction["deployment"],
        "model": chain.version["digest"],
        "plan": chain.plan["digest"],
        "data": chain.manifest["holdout"],
        "champion": "",
        "outcome": "PASSED",
    }
    raw = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    assert chain.approval["content"] == digest(raw)
    assert chain.approval["state"] == "approved"


def test_the_plan_is_the_file_in_git_and_the_code_of_its_metrics(
    journey: Any, chain: Chain
) -> None:
    plan, metrics = chain.plan["plan"], chain.plan["metrics"]
    assert chain.plan["digest"] == digest(f'{{"metrics":{metrics},"plan":{plan}}}'.encode())
    assert chain.statement["metrics"] == json.loads(metrics)
    written = git(journey.folder, "show", f"{chain.plan['commit']}:trueup.toml")
    for goal in json.loads(plan)["goals"]:
        assert f'id = "{goal["id"]}"\nclaim = "{goal["claim"]}"'.encode() in written


def test_every_link_is_an_event(journey: Any, chain: Chain) -> None:
    release = f"release:{chain.release['deployment']}@{chain.release['number']}"
    version = chain.version["digest"]
    wanted = {
        ("plan.adopted", f"plan:{chain.plan['version']}", chain.plan["digest"]),
        ("model-version.registered", chain.prediction["model_ref"], version),
        ("gate.passed", f"verdict:{chain.verdict['id']}", chain.verdict["digest"]),
        ("approval.approved", f"approval:{chain.approval['id']}", chain.approval["content"]),
        ("release.requested", release, version),
        ("release.went-live", release, "live"),
        *(
            ("data.snapshot-taken", f"data:{name}@1", address)
            for name, address in chain.manifest["data"].items()
        ),
    }
    events = journey.rows("SELECT type, subject, after FROM events")
    assert wanted <= {tuple(event.values()) for event in events}


def test_the_ledger_s_root_is_that_of_its_events_and_signed_at_every_commit(
    journey: Any, public_key: Ed25519PublicKey
) -> None:
    events = journey.rows("SELECT * FROM events ORDER BY seq")
    leaves = [hashlib.sha256(b"\x00" + entry(event)).digest() for event in events]
    assert leaves == [event["leaf"] for event in events]
    signed = journey.rows("SELECT * FROM checkpoints ORDER BY size")
    assert signed[-1]["size"] == len(events)
    for checkpoint in signed:
        root = merkle_root(leaves[: checkpoint["size"]])
        assert root == checkpoint["root"]
        assert checkpoint["key"] == key_id(public_key)
        text = f"trueup/events\n{checkpoint['size']}\n{base64.b64encode(root).decode()}\n"
        public_key.verify(checkpoint["signature"], text.encode())


def test_the_commit_holds_exactly_the_pipeline_that_ran(
    journey: Any, chain: Chain, tmp_path: Path
) -> None:
    commit = chain.manifest["commit"]
    assert git(journey.folder, "cat-file", "-t", commit) == b"commit\n"
    assert commit_id(journey.folder, commit) == commit
    ran = (journey.folder / "pipelines" / "flights.py").read_bytes()
    stored = git(journey.folder, "rev-parse", f"{commit}:pipelines/flights.py").decode().strip()
    assert (
        hashlib.sha1(b"blob %d\0%s" % (len(ran), ran), usedforsecurity=False).hexdigest() == stored
    )
    archive = git(journey.folder, "archive", commit)
    (tmp_path / "flights").mkdir()
    subprocess.run(["tar", "-x", "-C", str(tmp_path / "flights")], input=archive, check=True)
    assert fingerprint(tmp_path / "flights") == chain.manifest["code"]


def test_another_pipeline_would_have_another_fingerprint(
    journey: Any, chain: Chain, tmp_path: Path
) -> None:
    git(journey.folder, "worktree", "list")  # the repository is whole
    (tmp_path / "pipelines").mkdir()
    text = (journey.folder / "pipelines" / "flights.py").read_text()
    (tmp_path / "pipelines" / "flights.py").write_text(text.replace("LATE = 15", "LATE = 16"))
    assert fingerprint(tmp_path) != chain.manifest["code"]


def digest(raw: bytes) -> str:
    return "b3:" + blake3(raw).hexdigest()


def key_id(key: Ed25519PublicKey) -> str:
    return digest(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, over leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    both = merkle_root(leaves[:split]) + merkle_root(leaves[split:])
    return hashlib.sha256(b"\x01" + both).digest()


def entry(event: dict[str, Any]) -> bytes:
    """An event's bytes: JSON with sorted keys."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=event["at"])
    fields = {
        name: json.dumps(value, ensure_ascii=False)
        for name, value in event.items()
        if name not in ("leaf", "data", "at")
    }
    fields |= {"data": event["data"], "at": f'"{at.isoformat().replace("+00:00", "Z")}"'}
    return ("{" + ",".join(f'"{name}":{fields[name]}' for name in sorted(fields)) + "}").encode()


def git(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True
    ).stdout


def commit_id(folder: Path, commit: str) -> str:
    raw = git(folder, "cat-file", "commit", commit)
    return hashlib.sha1(b"commit %d\0%s" % (len(raw), raw), usedforsecurity=False).hexdigest()


def fingerprint(root: Path) -> str:
    """The only code of ours here: what it makes of the committed file, read afresh."""
    from trueup.lifecycle.pipeline import discovery
    from trueup.lifecycle.pipeline.code.fingerprint import of_code

    return of_code(discovery.find(root, "flights"), root).digest
