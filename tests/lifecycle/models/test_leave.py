"""Code of a model runs where the plan in force says so by the model's name, and nowhere else."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from trueup.backends.formats import _package, safetensors
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError
from trueup.lifecycle.models import leave
from trueup.lifecycle.models.contents import reading
from trueup.lifecycle.models.records import Foreign, ForeignFile, ModelVersion
from trueup.lifecycle.models.service import load_predictor
from trueup.lifecycle.plan.service import Plans, in_force
from trueup.lifecycle.serving.following.registry import Registry
from trueup.ports.code import Sources, TensorModel

from ..conftest import Shop, sample

CODE = b"def predict(rows):\n    return 1 / (1 + 2.718 ** -rows['a'])\n"
YES = ("[[goals]]", '[process]\nruns_code = ["small"]\n\n[[goals]]')
RAW = _package.write(Sources("scoring:predict", {"scoring.py": CODE}))


class Tensors:
    """Something with so many tensors that their names fill the beginning of a file."""

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        return {f"A-tensor-number-{number}": np.zeros(1) for number in range(2000)}


def made(shop: Shop) -> ModelVersion:
    """A version that is code."""
    run = shop.finish(RAW, sample(300, 1), sample(600, 2), format_="function")
    return shop.models.register(shop.sam, run)


def code_of(refused: pytest.ExceptionInfo[DeniedError]) -> str:
    return refused.value.code


def test_without_leave_nothing_is_registered_and_the_setting_is_named(shop: Shop) -> None:
    before = shop.models.versions(shop.sam, "small")
    with pytest.raises(DeniedError, match="'small' is code") as refused:
        made(shop)
    assert code_of(refused) == "model-code-refused"
    assert 'runs_code = ["small"]' in refused.value.hint
    assert shop.models.versions(shop.sam, "small") == before


def test_leave_for_another_model_is_none(shop: Shop) -> None:
    shop.adopt((YES[0], YES[1].replace("small", "other")))
    with pytest.raises(DeniedError):
        made(shop)


def test_with_leave_it_is_registered_judged_released_and_answers(shop: Shop) -> None:
    shop.adopt(YES)
    version = made(shop)
    assert shop.judge(version.version).passed
    release = shop.begin(version.version, "hall")
    loaded = Registry(shop.state).load(version.ref, release.number)
    assert loaded.predictor(pl.DataFrame({"a": [0.0], "b": [1]})).tolist() == [0.5]


def test_a_plan_that_takes_leave_back_keeps_gates_and_servers_from_loading(shop: Shop) -> None:
    shop.adopt(YES)
    version = made(shop)
    shop.judge(version.version)
    shop.adopt(("at_least = 0.7", "at_least = 0.6"))
    with pytest.raises(DeniedError) as refused:
        shop.judge(version.version)
    assert code_of(refused) == "model-code-refused"


def test_whoever_only_writes_plans_cannot_let_code_in(shop: Shop) -> None:
    with shop.state.read(shop.sam) as connection:
        before = in_force(connection)
    process = msgspec.structs.replace(before.plan.process, runs_code=("small",))
    wider = msgspec.structs.replace(before.plan, process=process)
    with pytest.raises(DeniedError):
        Plans(shop.state).adopt(shop.sam, wider)
    assert Plans(shop.state).current(shop.sam) == before
    assert Plans(shop.state).adopt(Actor(name="olga"), wider).plan == wider


def test_whoever_does_not_ask_for_leave_has_none(shop: Shop) -> None:
    shop.adopt(YES)
    manifest = made(shop).manifest
    with pytest.raises(DeniedError):
        load_predictor(shop.state.blobs, manifest)
    assert leave.facts(shop.state.blobs, manifest)["calls"] == "scoring:predict"


def test_a_damaged_file_does_not_hide_the_rest_of_a_version(shop: Shop) -> None:
    shop.adopt(YES)
    manifest = made(shop).manifest
    other = msgspec.structs.replace(manifest, file=shop.state.blobs.put(RAW[:-9]))
    assert leave.facts(shop.state.blobs, other)["calls"].startswith("cannot be read: ")


def test_a_version_that_a_client_registered_has_no_leave(shop: Shop) -> None:
    shop.adopt(YES)
    version = made(shop)
    foreign = Foreign(source="s3://elsewhere", location="s3://elsewhere")
    manifest = msgspec.structs.replace(version.manifest, foreign=foreign)
    with shop.state.read(shop.sam) as connection:
        assert leave.of_version(connection, version).given
        theirs = msgspec.structs.replace(version, manifest=manifest)
        assert not leave.of_version(connection, theirs).given


NETWORK = safetensors.Backend().dump(
    TensorModel(Sources("nets:Net", {"nets.py": b""}), {}, Tensors())
)


@pytest.mark.parametrize("raw", [RAW, NETWORK], ids=["function", "safetensors"])
@pytest.mark.parametrize("name", ["model.zip", "MLmodel", "model.onnx"])
def test_code_that_a_client_uploads_is_quarantined_whatever_its_name(
    shop: Shop, name: str, raw: bytes
) -> None:
    digest = shop.state.blobs.put(raw)
    found = reading.read(shop.state.blobs, (ForeignFile(path=name, digest=digest, size=len(raw)),))
    assert (found.format, found.file) == ("", "")
    assert found.quarantined == f"'{name}' is code, which only a run of this project brings"
