"""Every version says what it takes, or is known not to: then example rows say it for a new one."""

from __future__ import annotations

import pickle

import polars as pl
import pytest
import skops.io

from trueup.app.wiring import Workspace
from trueup.doors.cli.main import run
from trueup.foundation.errors import ConflictError, DeniedError, UserCodeError
from trueup.lifecycle.models.registry.records import RegisteredVersion

from .conftest import Client
from .test_judging import SIGNATURE, adopted, crown, judge, model, sample
from .test_quarantine import registered

__all__ = ["adopted"]

EXAMPLE = sample(5).drop("late")


@pytest.fixture
def unsigned(client: Client, adopted: Workspace) -> Workspace:
    """`trees@1` was registered by a client without a signature."""
    registered(client, adopted, model__skops=skops.io.dumps(model()), MLmodel=b"flavors: {}")
    return adopted


def sign(workspace: Workspace, example: pl.DataFrame = EXAMPLE) -> RegisteredVersion:
    return workspace.versions.sign(workspace.owner, "trees", "1", example)


def test_example_rows_make_a_version_that_can_be_judged(
    client: Client, unsigned: Workspace
) -> None:
    assert "(trueup model signature trees@1 --from-example FILE)" in crown(client).json()["message"]
    made = sign(unsigned)
    assert (made.ref, made.source) == ("trees@2", "models:/trees/1")
    manifest = unsigned.models.show(unsigned.owner, "trees", "2").manifest
    assert [(c.name, c.kind) for c in manifest.signature.inputs] == [
        ("a", "number"),
        ("b", "integer"),
    ]
    assert judge(unsigned).passed
    assert crown(client, "2").status_code == 200


def test_the_version_without_one_stays_as_it_was(unsigned: Workspace) -> None:
    before = unsigned.models.show(unsigned.owner, "trees", "1")
    sign(unsigned)
    assert unsigned.models.show(unsigned.owner, "trees", "1") == before


def test_a_version_that_has_one_keeps_it(client: Client, adopted: Workspace) -> None:
    registered(client, adopted, model__skops=skops.io.dumps(model()), MLmodel=SIGNATURE)
    with pytest.raises(ConflictError) as caught:
        sign(adopted)
    assert caught.value.code == "signature-known"


def test_rows_that_the_model_cannot_answer_imply_nothing(unsigned: Workspace) -> None:
    with pytest.raises(UserCodeError, match="trees@1 cannot answer the example rows"):
        sign(unsigned, EXAMPLE.drop("b"))
    assert len(unsigned.models.versions(unsigned.owner, "trees")) == 1


def test_a_quarantined_version_is_not_asked(client: Client, adopted: Workspace) -> None:
    registered(client, adopted, model__pkl=pickle.dumps(model()))
    with pytest.raises(DeniedError, match=r"trees@1 is quarantined: 'model.pkl' is a pickle"):
        sign(adopted)


def test_the_command_reads_a_file(
    unsigned: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sample(5).write_csv(unsigned.root / "rows.csv")
    monkeypatch.chdir(unsigned.root)
    monkeypatch.setattr("trueup.app.wiring.account", lambda: "olga")
    words = ["model", "signature", "trees@1", "--from-example", "rows.csv", "--label"]
    assert run([*words, "lat"]) == 2
    assert run([*words, "late"]) == 0
    said = capsys.readouterr()
    assert "trees@2  trees@1 with a signature" in said.out
    assert "trueup check trees@2 --data data:NAME@VERSION" in said.err
