"""A model card says what the evidence says, and a kept one that says otherwise is found out."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
import yaml

from trueup.app.cards import writing
from trueup.app.cards.bom import bill
from trueup.app.cards.gathering import gather
from trueup.app.cards.records import Card, Figure

from .conftest import Desk


@pytest.fixture
def card(desk: Desk) -> Card:
    return gather(desk.workspace, desk.workspace.owner, "small")


def test_a_card_is_made_of_evidence(desk: Desk, card: Card) -> None:
    version = desk.workspace.models.show(desk.workspace.owner, "small")
    (verdict,) = desk.workspace.gates.of_model(desk.workspace.owner, card.ref)
    assert (card.ref, card.digest) == (version.ref, version.digest)
    assert card.verdict == f"verdict:{verdict.id} PASSED"
    assert card.purpose == "Try things" and "Late rows score higher" in card.claims
    assert card.data == version.manifest.data
    assert card.made_by["run"] == f"run:{version.manifest.run}"
    assert [place.release for place in card.places] == ["release:desk@1"]
    assert "numpy" in card.packages and card.seconds > 0
    measured = {r.goal: r.value for r in verdict.statement.results if r.check == "limit"}
    whole = {f.metric: f.value for f in card.figures if not f.slice}
    assert whole["roc_auc"] == pytest.approx(measured["ranked"], abs=1e-6)


def test_the_same_evidence_gives_the_same_card(desk: Desk, card: Card) -> None:
    assert gather(desk.workspace, desk.workspace.owner, "small").address == card.address


@pytest.mark.parametrize("form", ["md", "html", "json"])
def test_a_kept_card_holds_until_the_evidence_changes(card: Card, form: writing.Format) -> None:
    kept = writing.text(card, form)
    assert writing.difference(card, kept) == ""
    moved = msgspec.structs.replace(card, verdict="verdict:new FAILED")
    assert "was written as" in writing.difference(moved, kept)
    forged = re.sub(r"roc_auc", "perfect", kept, count=1)
    assert "changed after" in writing.difference(card, forged)
    assert "no digest" in writing.difference(card, "# A card that somebody wrote")


def test_the_front_matter_is_what_hugging_face_reads(card: Card) -> None:
    _, front, body = writing.text(card, "md").split("---\n", 2)
    said = yaml.safe_load(front)
    assert said["library_name"] == "sklearn" and said["pipeline_tag"] == "tabular-classification"
    (result,) = said["model-index"][0]["results"]
    assert {m["type"] for m in result["metrics"]} == {f.metric for f in card.figures}
    assert body.lstrip().startswith(f"# {card.ref}\n")


def test_words_of_others_stay_words(card: Card) -> None:
    hostile = msgspec.structs.replace(
        card, risks=("a | b <script>alert(1)</script>\n\n# Heading",), parameters={"x": "`\n---\n"}
    )
    page = writing.text(hostile, "html")
    assert "<script>alert" not in page
    markdown = writing.text(hostile, "md")
    assert "<script>" not in markdown.replace("\\<script>", "") and "\n# Heading" not in markdown
    assert markdown.count("\n---\n") == 1


def test_what_is_not_measured_is_said(card: Card) -> None:
    few = Figure(metric="roc_auc", slice="kind = rare", value=None, rows=3)
    shown = writing.text(msgspec.structs.replace(card, figures=(few,)), "md")
    assert "| roc_auc | kind = rare | not measured | 3 |" in shown


def test_the_bill_of_materials_keeps_to_its_schema(card: Card) -> None:
    pytest.importorskip("cyclonedx")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    figure = Figure(metric="roc_auc", slice="kind = a", value=0.5, rows=40)
    whole = msgspec.structs.replace(
        card, figures=(figure,), risks=("Storms",), limits=("Few rows",)
    )
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    for each in (card, whole):
        made: Any = bill(each)
        assert validator.validate_str(json.dumps(made)) is None
        assert made["metadata"]["component"]["type"] == "machine-learning-model"
        assert bill(each) == made
    names = {component["name"] for component in bill(card)["components"]}
    assert {"numpy", *card.data} <= names
