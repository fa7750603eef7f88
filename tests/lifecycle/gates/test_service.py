"""A verdict is signed, rests on named evidence, and counts for exactly that."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa

from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError, DeniedError, GateFailedError, NotFoundError
from trueup.foundation.records import builtins
from trueup.lifecycle.gates import table
from trueup.lifecycle.gates.records import Verdict
from trueup.lifecycle.gates.standing import failing, is_genuine, require_passed
from trueup.lifecycle.models import table as model_table
from trueup.lifecycle.models.moving import move_alias

from ..conftest import Shop, model_of, sample

STRICT = ("at_least = 0.7", "at_least = 0.97")


def required(shop: Shop, version: int) -> Verdict:
    """The verdict that lets a version out."""
    with shop.state.read(shop.sam) as connection:
        found = shop.models.show(shop.sam, "small", str(version))
        return require_passed(connection, shop.state.keys, found)


def refused(shop: Shop, version: int) -> str:
    """The code with which a version is kept in."""
    with pytest.raises(GateFailedError) as caught:
        required(shop, version)
    return caught.value.code


def crown(shop: Shop, version: int) -> None:
    """Make a version the champion."""
    with shop.state.write(shop.omar, "releases.operate") as unit:
        move_alias(unit, "small", "champion", version, "")


def tamper(shop: Shop, where: sa.Table, key: Any, **values: Any) -> None:
    """Change a row by other means than Trueup."""
    with shop.state.database.writing() as connection:
        connection.execute(where.update().where(key).values(**values))


def test_a_good_model_passes(shop: Shop) -> None:
    verdict = shop.judge(2)
    assert verdict.passed
    assert [(r.goal, r.check, r.outcome) for r in verdict.statement.results] == [
        ("", "answers", "passed"),
        ("", "leakage", "passed"),
        ("ranked", "limit", "passed"),
        ("ranked", "champion", "not-applicable"),
    ]
    assert failing(verdict) == []
    assert required(shop, 2) == verdict


def test_a_bad_model_fails_and_the_refusal_names_what_failed(shop: Shop) -> None:
    verdict = shop.judge(3)
    assert not verdict.passed
    assert [r.check for r in failing(verdict)] == ["limit"]
    with pytest.raises(GateFailedError) as caught:
        required(shop, 3)
    assert caught.value.code == "gate-failed"
    assert "ranked.limit: roc_auc is" in caught.value.message
    assert caught.value.context["verdict"] == verdict.id
    (event,) = shop.events("gate.failed")
    assert event.data == {
        "model": "small@3",
        "plan": 1,
        "gate": "production",
        "failing": ["ranked.limit"],
    }


def test_a_statement_names_all_that_it_rests_on(shop: Shop) -> None:
    crown(shop, 1)
    said = shop.judge(2).statement
    one, two = (shop.models.show(shop.sam, "small", s) for s in "12")
    plan = shop.plans.current(shop.sam)
    assert (said.model_ref, said.model, said.champion) == ("small@2", two.digest, one.digest)
    assert (said.plan, said.data, said.metrics) == (
        plan.digest,
        two.manifest.holdout,
        plan.metrics,
    )


def test_the_same_evidence_gives_the_verdict_there_is(shop: Shop) -> None:
    first = shop.judge(2)
    assert shop.judge(2) == first
    assert shop.gates.judge(shop.rita, "small", "2") == first
    assert len(shop.events("gate.passed")) == 1


def test_a_verdict_that_is_known_needs_no_model(shop: Shop) -> None:
    first = shop.judge(2)
    shop.state.blobs.local_path(shop.models.show(shop.sam, "small", "2").manifest.file).unlink()
    assert shop.judge(2) == first


def test_without_a_verdict_nothing_is_released(shop: Shop) -> None:
    assert refused(shop, 2) == "verdict-missing"


def test_verdicts_are_found(shop: Shop, viewer: Actor) -> None:
    verdict = shop.judge(2)
    assert shop.gates.show(viewer, verdict.id) == verdict
    assert shop.gates.of_model(viewer, "small@2") == [verdict]
    with pytest.raises(NotFoundError) as caught:
        shop.gates.show(viewer, "7k3f9qd2")
    assert caught.value.code == "verdict-not-found"


def test_operators_and_viewers_judge_nothing(shop: Shop, viewer: Actor) -> None:
    for actor in (viewer, shop.omar):
        with pytest.raises(DeniedError):
            shop.gates.judge(actor, "small", "2")


# --- what makes a verdict count no more


def test_under_another_plan_a_verdict_does_not_count(shop: Shop) -> None:
    shop.judge(2)
    shop.adopt(STRICT)
    assert refused(shop, 2) == "verdict-missing"
    assert not shop.judge(2).passed
    assert refused(shop, 2) == "gate-failed"


def test_a_plan_that_comes_back_brings_its_verdict_back(shop: Shop) -> None:
    first = shop.judge(2)
    shop.adopt(STRICT)
    shop.adopt()
    assert required(shop, 2) == first


def test_another_champion_asks_for_another_verdict(shop: Shop) -> None:
    alone = shop.judge(2)
    crown(shop, 1)
    against_one = shop.judge(2)
    crown(shop, 4)
    against_four = shop.judge(2)
    assert len({alone.id, against_one.id, against_four.id}) == 3
    assert required(shop, 2).id == against_four.id


def test_after_a_rollback_the_verdict_against_the_champion_counts_again(shop: Shop) -> None:
    crown(shop, 1)
    against_one = shop.judge(2)
    crown(shop, 4)
    shop.judge(2)
    crown(shop, 1)
    assert required(shop, 2) == shop.judge(2) == against_one


def test_the_champion_is_not_compared_with_itself(shop: Shop) -> None:
    crown(shop, 2)
    assert shop.judge(2).statement.champion == ""


# --- tampering


def test_a_verdict_is_signed_over_every_word(shop: Shop) -> None:
    verdict = shop.judge(2)
    keys = shop.state.keys
    assert is_genuine(keys, verdict)
    assert digests.of_record(verdict.statement) == verdict.digest
    assert keys.verify(verdict.digest.encode(), bytes.fromhex(verdict.signature))
    assert verdict.key == keys.key_id


def changed(verdict: Verdict, **parts: Any) -> Any:
    return builtins(verdict.statement) | parts


@pytest.mark.parametrize(
    "parts",
    [{"model_ref": "small@9"}, {"data": "b3:0"}, {"champion": "b3:0"}, {"metrics": {}}],
)
def test_a_changed_statement_counts_for_nothing(shop: Shop, parts: dict[str, Any]) -> None:
    verdict = shop.judge(2)
    row = table.verdicts.c.id == verdict.id
    tamper(shop, table.verdicts, row, statement=changed(verdict, **parts))
    assert not is_genuine(shop.state.keys, shop.gates.show(shop.sam, verdict.id))
    assert refused(shop, 2) == "verdict-not-genuine"


def test_a_failed_verdict_cannot_be_turned_into_a_passed_one(shop: Shop) -> None:
    verdict = shop.judge(3)
    row = table.verdicts.c.id == verdict.id
    forged = changed(verdict, outcome="PASSED")
    tamper(shop, table.verdicts, row, statement=forged, outcome="PASSED")
    assert refused(shop, 3) == "verdict-not-genuine"
    tamper(shop, table.verdicts, row, digest=digests.of_record(forged))
    assert refused(shop, 3) == "verdict-not-genuine"


@pytest.mark.parametrize("signature", ["00" * 64, "", "no hexadecimal digits"])
def test_a_verdict_without_our_signature_counts_for_nothing(shop: Shop, signature: str) -> None:
    verdict = shop.judge(2)
    tamper(shop, table.verdicts, table.verdicts.c.id == verdict.id, signature=signature)
    assert refused(shop, 2) == "verdict-not-genuine"


def test_a_genuine_verdict_about_another_version_counts_for_nothing(shop: Shop) -> None:
    verdict = shop.judge(2)
    bad = shop.models.show(shop.sam, "small", "3")
    row = table.verdicts.c.id == verdict.id
    tamper(shop, table.verdicts, row, model=bad.digest, model_ref=bad.ref)
    assert refused(shop, 3) == "verdict-not-genuine"


def test_a_genuine_verdict_under_another_plan_counts_for_nothing(shop: Shop) -> None:
    verdict = shop.judge(2)
    strict = shop.adopt(STRICT)
    tamper(shop, table.verdicts, table.verdicts.c.id == verdict.id, plan=strict.digest)
    assert refused(shop, 2) == "verdict-not-genuine"


def test_another_file_under_a_judged_version_is_found(shop: Shop) -> None:
    shop.judge(2)
    bad = shop.models.show(shop.sam, "small", "3").manifest
    manifest = builtins(shop.models.show(shop.sam, "small", "2").manifest) | {"file": bad.file}
    versions = model_table.model_versions
    tamper(shop, versions, versions.c.version == 2, manifest=manifest)
    assert refused(shop, 2) == "verdict-not-genuine"


def test_judging_again_mends_what_was_tampered_with(shop: Shop) -> None:
    verdict = shop.judge(2)
    tamper(shop, table.verdicts, table.verdicts.c.id == verdict.id, signature="00" * 64)
    again = shop.judge(2)
    assert again.id != verdict.id
    assert required(shop, 2) == again


# --- evidence that cannot be had


def test_a_damaged_model_gets_no_verdict(shop: Shop) -> None:
    path = shop.state.blobs.local_path(shop.models.show(shop.sam, "small", "2").manifest.file)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(BackendError) as caught:
        shop.judge(2)
    assert caught.value.code == "blob-damaged"
    assert shop.gates.of_model(shop.sam, "small@2") == []


def test_leakage_fails_the_gate(shop: Shop) -> None:
    rows = sample(600, 2)
    version = shop.register(model_of([2.0, 0.0]), rows, rows)
    assert [r.check for r in failing(shop.judge(version.version))] == ["leakage"]


def test_a_small_holdout_fails_the_gate_and_says_what_would_do(shop: Shop) -> None:
    version = shop.register(model_of([2.0, 0.0]), sample(300, 1), sample(40, 2))
    (short,) = failing(shop.judge(version.version))
    assert (short.outcome, short.rows_needed >= 100) == ("not-enough-data", True)
    assert "there are 40" in short.words


def test_a_model_that_answers_nonsense_fails_with_the_reason(shop: Shop) -> None:
    model = model_of([2.0, 0.0])
    model.coef_ = np.array([[np.nan, 0.0]])
    version = shop.register(model, sample(300, 1), sample(600, 2))
    crown(shop, 1)
    verdict = shop.judge(version.version)
    assert [(r.check, r.outcome) for r in failing(verdict)] == [
        ("answers", "failed"),
        ("limit", "error"),
        ("champion", "error"),
    ]


@pytest.mark.parametrize(
    ("label", "what"),
    [
        (pl.lit(None, pl.Int64), "missing, or no number"),
        (pl.lit(2), "neither 0 nor 1"),
        (pl.lit("yes"), "missing, or no number"),
    ],
)
def test_labels_that_are_none_fail_with_the_reason(shop: Shop, label: pl.Expr, what: str) -> None:
    holdout = sample(600, 2).with_columns(late=label)
    version = shop.register(model_of([2.0, 0.0]), sample(300, 1), holdout)
    (wrong,) = failing(shop.judge(version.version))
    assert wrong.words == f"600 of 600 labels are {what}"
