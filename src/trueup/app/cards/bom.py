"""A version's bill of materials: CycloneDX 1.6, with the model card that it has room for."""

from __future__ import annotations

import uuid
from typing import Any, Final
from urllib.parse import quote

from trueup.app.cards.records import TAGS, Card

SPECIFICATION: Final = "1.6"
_NAMES: Final = uuid.UUID("3c1d9f2e-62a8-5b0d-9d3c-8f5d5f0f6a11")


def bill(card: Card) -> dict[str, Any]:
    """The bill; the same card gives the same one."""
    model, _, number = card.ref.partition("@")
    data: list[dict[str, Any]] = [
        {
            "type": "data",
            "bom-ref": f"data:{name}",
            "name": name,
            "version": digest,
            "data": [{"type": "dataset", "name": name}],
        }
        for name, digest in card.data.items()
    ]
    packages: list[dict[str, Any]] = [
        {
            "type": "library",
            "bom-ref": _package(name, version),
            "name": name,
            "version": version,
            "purl": _package(name, version),
        }
        for name, version in card.packages.items()
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMES, card.address)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "machine-learning-model",
                "bom-ref": card.ref,
                "name": model,
                "version": number,
                "description": card.purpose,
                "hashes": [{"alg": "BLAKE3", "content": card.digest.removeprefix("b3:")}],
                "modelCard": _model_card(card),
                "properties": _properties(card),
            }
        },
        "components": [*data, *packages],
        "dependencies": [
            {"ref": card.ref, "dependsOn": [each["bom-ref"] for each in (*data, *packages)]}
        ],
    }


def _model_card(card: Card) -> dict[str, Any]:
    return {
        "modelParameters": {
            "task": TAGS[card.task],
            "datasets": [{"ref": f"data:{name}"} for name in card.data],
            "inputs": [{"format": f"{each.name}: {each.kind}"} for each in card.inputs],
            "outputs": [{"format": f"score: {card.answers}"}],
        },
        "quantitativeAnalysis": {
            "performanceMetrics": [
                {
                    "type": each.metric,
                    "value": f"{each.value:.6g}",
                    **({"slice": each.slice} if each.slice else {}),
                }
                for each in card.figures
                if each.value is not None
            ]
        },
        "considerations": {
            "useCases": [words for words in (card.purpose, *card.claims) if words],
            "technicalLimitations": list(card.limits),
            "ethicalConsiderations": [{"name": threat} for threat in card.risks],
        },
    }


def _properties(card: Card) -> list[dict[str, str]]:
    said = {
        "format": card.format,
        "quarantined": card.quarantined,
        "verdict": card.verdict,
        "card": card.address,
        **{f"made by: {name}": value for name, value in card.made_by.items()},
        **{f"parameter: {name}": value for name, value in card.parameters.items()},
        **{f"environment: {name}": value for name, value in card.environment.items()},
        **{f"released as: {place.release}": place.state for place in card.places},
    }
    return [{"name": f"trueup:{name}", "value": value} for name, value in said.items() if value]


def _package(name: str, version: str) -> str:
    return f"pkg:pypi/{quote(name.lower().replace('_', '-'))}@{quote(version)}"
