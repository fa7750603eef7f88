"""Aliases over HTTP: a program moves them under the same rules as everybody."""

from __future__ import annotations

from typing import Any

from litestar.testing import TestClient

from trueup.app.wiring import Workspace

Api = TestClient[Any]


def test_a_protected_alias_needs_evidence(api: Api, clinic: Workspace) -> None:
    move = "/models/lumps/aliases/champion"
    for body, status, code in (
        ({"version": 2}, 422, "gate-failed"),
        ({"version": 3}, 403, "approval-needed"),
        ({"version": 9}, 404, "model-not-found"),
    ):
        answer = api.post(move, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    answer = api.post(f"{move}/remove", json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "alias-protected")
    assert clinic.models.aliases(clinic.owner, "lumps") == {"champion": 1}


def test_other_aliases_move_and_are_history(api: Api, clinic: Workspace) -> None:
    answer = api.post("/models/lumps/aliases/challenger", json={"version": 2, "reason": "try"})
    assert answer.json() == {"champion": 1, "challenger": 2}
    history = api.get("/models/lumps/history").json()
    assert history["standing"]["aliases"] == {"champion": 1, "challenger": 2}
    assert history["moves"][-1]["why"] == "try"
    long_ago = api.get("/models/lumps/history", params={"as-of": "2020-01-01"}).json()
    assert long_ago["standing"]["aliases"] == {}
    answer = api.post("/models/lumps/aliases/challenger/remove", json={"reason": "enough"})
    assert answer.json() == {"champion": 1}
