"""A model version is immutable: all that makes it has an address, and nothing changed is loaded."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa
from sklearn.linear_model import LogisticRegression

from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import (
    BackendError,
    DeniedError,
    NotFoundError,
    TrueupError,
    UserCodeError,
)
from trueup.foundation.records import decode, encode
from trueup.lifecycle.models import rules, table
from trueup.lifecycle.models.moving import move_alias
from trueup.lifecycle.models.records import Manifest, Reference, Signature
from trueup.lifecycle.models.service import (
    load_file,
    load_predictor,
    read_rows,
    reference_of,
)
from trueup.statistics.summaries import Bins

from ..conftest import Shop, model_of, sample


def damage(shop: Shop, digest: str) -> None:
    """Flip the last byte of a stored blob."""
    path = shop.state.blobs.local_path(digest)
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(raw)


def refusal(kind: type[TrueupError], verb: Any, *arguments: Any) -> TrueupError:
    with pytest.raises(kind) as caught:
        verb(*arguments)
    return caught.value


# --- registering


def test_a_run_becomes_one_version(shop: Shop) -> None:
    run = shop.finish(model_of([3.0, 1.0]), sample(50, 1), sample(60, 2))
    version = shop.models.register(shop.sam, run)
    assert (version.ref, version.registered_by, version.manifest.run) == ("small@5", "sam", run)
    assert shop.models.register(shop.sam, run) == version
    (event,) = [e for e in shop.events("model-version.registered") if e.subject == "small@5"]
    assert (event.after, event.data["run"]) == (version.digest, run)


def test_another_run_that_made_the_same_gives_the_version_there_is(shop: Shop) -> None:
    parts = (model_of([3.0, 1.0]), sample(50, 1), sample(60, 2))
    first = shop.register(*parts)
    assert shop.register(*parts) == first
    other = shop.models.register(shop.sam, shop.finish(*parts, code="b3:other"))
    assert other.version == first.version + 1


def test_a_commit_names_the_version_that_its_newest_run_made_or_made_once_more(shop: Shop) -> None:
    parts = (model_of([3.0, 1.0]), sample(50, 1), sample(60, 2))
    first = shop.register(*parts, commit="aaa1")
    shop.register(model_of([1.0, 1.0]), *parts[1:], commit="aaa1", dirty=True)
    assert shop.models.show(shop.sam, "small", "commit:aaa1") == first  # what is dirty is no commit
    better = shop.register(model_of([4.0, 1.0]), *parts[1:], commit="bbb2")
    assert shop.models.show(shop.sam, "small", "commit:bbb") == better
    shop.register(*parts, commit="ccc3")  # everything as at the first one: no version of its own
    assert shop.models.show(shop.sam, "small", "commit:ccc3") == first
    refused = refusal(NotFoundError, shop.models.show, shop.sam, "small", "commit:ddd4")
    assert "small@commit:ddd4" in refused.message


def test_a_run_that_goes_on_is_refused(shop: Shop) -> None:
    refused = refusal(TrueupError, shop.models.register, shop.sam, shop.start())
    assert refused.code == "run-not-finished"


def test_a_run_without_candidate_is_refused(shop: Shop) -> None:
    run = shop.runs.finish(shop.sam, shop.start()).id
    assert refusal(TrueupError, shop.models.register, shop.sam, run).code == "run-without-candidate"


def test_an_unknown_run_is_refused(shop: Shop) -> None:
    assert refusal(NotFoundError, shop.models.register, shop.sam, "7k3f9qd2").code == (
        "run-not-found"
    )


def test_viewers_register_nothing(shop: Shop, viewer: Actor) -> None:
    run = shop.finish(model_of([1.0, 1.0]), sample(50, 1), sample(60, 2))
    refusal(DeniedError, shop.models.register, viewer, run)


def test_a_model_that_cannot_answer_its_holdout_is_the_users_mistake(shop: Shop) -> None:
    rows = sample(60, 1).with_columns(id=pl.int_range(60))
    run = shop.finish(model_of([1.0, 1.0]), rows, rows)
    refused = refusal(UserCodeError, shop.models.register, shop.sam, run)
    assert refused.code == "candidate-cannot-answer"
    assert "unseen at fit time: - id" in refused.message


def test_a_holdout_without_an_input_is_the_users_mistake(shop: Shop) -> None:
    run = shop.finish(model_of([1.0, 1.0]), sample(60, 1), sample(60, 2).drop("b"))
    refused = refusal(UserCodeError, shop.models.register, shop.sam, run)
    assert refused.code == "candidate-cannot-answer"


# --- addresses


def test_the_address_can_be_recomputed_from_what_is_stored(shop: Shop) -> None:
    version = shop.models.show(shop.sam, "small", "2")
    with shop.state.read(shop.sam) as connection:
        query = sa.select(sa.text("manifest, digest")).select_from(table.model_versions)
        stored, digest = connection.execute(query.where(sa.text("version = 2"))).one()
    assert digests.of_bytes(stored.encode()) == digest == version.digest
    assert rules.address(version.manifest) == digest
    for part in (version.manifest.file, version.manifest.reference, version.manifest.holdout):
        assert digests.of_bytes(shop.state.blobs.get(part)) == part


@pytest.mark.parametrize(
    "field", [f for f in Manifest.__struct_fields__ if f not in ("signature", "parameters", "data")]
)
def test_whatever_changes_changes_the_address(shop: Shop, field: str) -> None:
    manifest = shop.models.show(shop.sam, "small").manifest
    other = msgspec.structs.replace(manifest, **{field: "other"})
    assert rules.address(other) != rules.address(manifest)


def test_a_version_answers_as_the_fitted_model_did(shop: Shop) -> None:
    model, holdout = model_of([3.0, -1.0]), sample(60, 2)
    manifest = shop.register(model, sample(50, 1), holdout).manifest
    predict = load_predictor(shop.state.blobs, manifest)
    expected = model.predict_proba(holdout.select("a", "b"))[:, 1]
    assert predict(rules.conform(holdout, manifest.signature)).tolist() == expected.tolist()
    assert read_rows(shop.state.blobs, manifest.holdout).equals(holdout)


# --- what is damaged or hostile


@pytest.mark.parametrize("part", ["file", "holdout", "reference"])
def test_one_flipped_bit_is_found_and_nothing_is_loaded(shop: Shop, part: str) -> None:
    version = shop.models.show(shop.sam, "small", "1")
    manifest = version.manifest
    damage(shop, getattr(manifest, part))
    load = {
        "file": lambda: load_predictor(shop.state.blobs, manifest),
        "holdout": lambda: read_rows(shop.state.blobs, manifest.holdout),
        "reference": lambda: reference_of(shop.state.blobs, version),
    }
    assert refusal(BackendError, load[part]).code == "blob-damaged"


@pytest.mark.parametrize("raw", [b"", b"no model", b"PK\x05\x06" + bytes(18)])
def test_bytes_that_are_no_model_are_refused(shop: Shop, raw: bytes) -> None:
    digest = shop.state.blobs.put(raw)
    refused = refusal(BackendError, load_file, shop.state.blobs, "skops", digest)
    assert refused.code == "model-unreadable"


class Evil(LogisticRegression):  # type: ignore[misc]
    """Stands for any type that nobody has vetted."""


def test_a_file_that_names_an_unknown_type_is_refused(shop: Shop) -> None:
    import skops.io

    raw = skops.io.dumps(Evil())
    digest = shop.state.blobs.put(raw)
    refused = refusal(DeniedError, load_file, shop.state.blobs, "skops", digest)
    assert refused.code == "model-unsafe"
    assert "Evil" in refused.message
    run = shop.finish(raw, sample(50, 1), sample(60, 2))
    assert refusal(DeniedError, shop.models.register, shop.sam, run).code == "model-unsafe"


def test_a_file_that_asks_for_a_function_of_the_system_is_refused(shop: Shop) -> None:
    from trueup.backends.formats.skops import Backend

    good = io.BytesIO(Backend().dump(model_of([1.0, 1.0])))
    with zipfile.ZipFile(good) as archive:
        schema = msgspec.json.decode(archive.read("schema.json"))
    schema |= {
        "__class__": "system",
        "__module__": "os",
        "__loader__": "FunctionNode",
        "content": "os.system",
    }
    hostile = io.BytesIO()
    with zipfile.ZipFile(hostile, "w") as archive:
        archive.writestr("schema.json", msgspec.json.encode(schema))
    digest = shop.state.blobs.put(hostile.getvalue())
    refused = refusal(DeniedError, load_file, shop.state.blobs, "skops", digest)
    assert "os.system" in refused.message


# --- finding and aliases


def test_versions_are_found_by_number_by_alias_and_as_the_newest(shop: Shop) -> None:
    with shop.state.write(shop.omar, "releases.operate") as unit:
        move_alias(unit, "small", "champion", 2, "")
    found = [shop.models.show(shop.sam, "small", s).version for s in ("1", "champion", "")]
    assert found == [1, 2, 4]
    assert [v.version for v in shop.models.versions(shop.sam, "small")] == [4, 3, 2, 1]
    assert shop.models.names(shop.sam) == ["small"]
    assert shop.models.versions(shop.sam, "large") == []


@pytest.mark.parametrize(("model", "selector"), [("small", "9"), ("small", "best"), ("smal", "")])
def test_an_absent_version_is_refused(shop: Shop, model: str, selector: str) -> None:
    refused = refusal(NotFoundError, shop.models.show, shop.sam, model, selector)
    assert refused.code == "model-not-found"
    assert ("Did you mean" in refused.message) == (model == "smal")


def test_the_history_of_an_alias_is_its_events(shop: Shop) -> None:
    with shop.state.write(shop.omar, "releases.operate") as unit:
        move_alias(unit, "small", "champion", 1, "first")
        move_alias(unit, "small", "champion", 2, "better")
        move_alias(unit, "small", "champion", 2, "again")
    assert shop.champion() == 2
    history = [(e.before, e.after, e.why) for e in shop.events("alias.moved")]
    assert history == [("", "small@1", "first"), ("small@1", "small@2", "better")]


# --- the signature


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (pl.Float32, "number"),
        (pl.Float64, "number"),
        *((t, "integer") for t in (pl.Int8, pl.Int16, pl.Int32, pl.Int64)),
        *((t, "integer") for t in (pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)),
        (pl.Boolean, "boolean"),
        (pl.String, "text"),
        (pl.Categorical, "text"),
    ],
)
def test_every_type_that_a_request_can_carry_has_a_kind(dtype: Any, kind: str) -> None:
    rows = pl.DataFrame({"x": pl.Series([], dtype=dtype), "late": pl.Series([], dtype=pl.Int8)})
    (column,) = rules.signature_of(rows, "late").inputs
    assert (column.name, column.kind) == ("x", kind)


@pytest.mark.parametrize(
    "values",
    [
        [date(2026, 1, 1)],
        pl.Series([0]).cast(pl.Datetime),
        pl.Series([0]).cast(pl.Duration),
        pl.Series([0]).cast(pl.Time),
        [[1.0]],
        [{"y": 1}],
        [b"raw"],
        [None],
        pl.Series(["a"], dtype=pl.Enum(["a"])),
        pl.Series([1], dtype=pl.Decimal(10, 2)),
    ],
)
def test_every_other_type_is_refused_with_the_column(values: Any) -> None:
    refused = refusal(
        TrueupError, rules.signature_of, pl.DataFrame({"x": values, "late": [1]}), "late"
    )
    assert (refused.code, "'x'" in refused.message) == ("signature-type", True)


def test_the_label_must_be_there_and_is_no_input(shop: Shop) -> None:
    rows = sample(5, 1)
    assert [c.name for c in rules.signature_of(rows, "late").inputs] == ["a", "b"]
    assert refusal(TrueupError, rules.signature_of, rows, "delay").code == "label-missing"


def test_rows_are_put_in_the_order_and_types_of_the_signature() -> None:
    rows = pl.DataFrame({"b": [1.0, 2.0], "late": [0, 1], "a": [1, 2]})
    signature = rules.signature_of(pl.DataFrame({"a": [0.5], "b": [1], "late": [0]}), "late")
    assert rules.conform(rows, signature).schema == {"a": pl.Float64, "b": pl.Int64}


# --- the reference


def test_the_counts_of_every_column_sum_to_the_rows(shop: Shop) -> None:
    version = shop.models.show(shop.sam, "small", "1")
    reference = reference_of(shop.state.blobs, version)
    assert reference.rows == 300
    assert {name: sum(c.counts) for name, c in reference.columns.items()} == {
        "a": 300,
        "b": 300,
        "score": 600,  # the answers to the holdout: those to training rows would flatter
    }


def test_missing_and_odd_values_are_counted_too() -> None:
    rows = pl.DataFrame(
        {
            "number": [1.0, None, float("nan"), float("inf")],
            "text": ["a", None, "", "ä"],
            "flag": [True, False, None, True],
            "whole": [1, None, 2**40, -5],
            "late": [0, 1, 0, 1],
        }
    )
    signature = rules.signature_of(rows, "late")
    made = rules.reference_of(rows, signature, np.array([0.5, float("nan")]))
    assert {name: sum(c.counts) for name, c in made.columns.items()} == {
        "number": 4,
        "text": 4,
        "flag": 4,
        "whole": 4,
        "score": 2,
    }
    assert decode(encode(made), Reference) == made


def test_a_signature_and_bins_survive_storage(shop: Shop) -> None:
    manifest = shop.models.show(shop.sam, "small").manifest
    assert decode(encode(manifest.signature), Signature) == manifest.signature
    columns = decode(shop.state.blobs.get(manifest.reference), Reference).columns
    assert all(isinstance(column.bins, Bins) for column in columns.values())
    assert all(len(column.counts) == column.bins.size for column in columns.values())


def test_storage_holds_no_path_of_the_machine(shop: Shop, tmp_path: Path) -> None:
    manifest = shop.models.show(shop.sam, "small").manifest
    assert str(tmp_path).encode() not in encode(manifest)
