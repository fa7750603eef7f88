"""`trueup score`: the lines of the rubric in a terminal, and what people attest."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from trueup.app.wiring import Workspace
from trueup.foundation import clock

from .conftest import Trueup


@pytest.fixture(autouse=True)
def _inside(clinic: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clinic.root)


def day(days: int) -> str:
    return f"{clock.now() + timedelta(days=days):%Y-%m-%d}"


@pytest.mark.slow
def test_it_shows_each_test_with_its_proof_and_what_to_do(
    clinic: Workspace, trueup: Trueup, tmp_path: Path
) -> None:
    shown = trueup("score", "lumps", "--html", str(tmp_path / "score.html"))
    assert shown.code == 0
    (verdict, *_) = clinic.gates.of_model(clinic.owner, "lumps@1")
    for words in ("ML Test Score 0", "D1", "Mo7", "→ checks = [", f"proof: verdict:{verdict.id}"):
        assert words in shown.out
    assert "Google level 0 of 2" in shown.out
    assert (tmp_path / "score.html").stat().st_size < 500_000
    assert len(trueup("score", "lumps", "--brief").out) < len(shown.out) / 2


@pytest.mark.slow
def test_an_attestation_is_given_shown_and_taken_back(clinic: Workspace, trueup: Trueup) -> None:
    given = ("score", "attest", "lumps", "m7", "--reason", "read 200 answers", "--until", day(30))
    assert trueup(*given, "--as", "rita").code == 0
    line = next(
        line
        for section in json.loads(trueup("score", "lumps", "--json").out)["sections"]
        for line in section["lines"]
        if line["id"] == "M7"
    )
    assert (line["points"], line["attested"]["by"]) == (0.5, "rita")
    assert f"attested by rita until {day(30)}: read 200 answers" in trueup("score", "lumps").out
    assert trueup("score", "attest", "lumps", "M7", "--withdraw").code == 0
    assert trueup("score", "attest", "lumps", "M7", "--withdraw").code == 3


@pytest.mark.slow
def test_bad_words_say_what_is_wrong(clinic: Workspace, trueup: Trueup) -> None:
    for arguments, words in (
        (("lump",), "There is no model 'lump'. Did you mean 'lumps'?"),
        (("lumps", "--as-of", "yesterday"), "'yesterday' is no day and no moment"),
        (("attest", "lumps", "M9"), "needs its last day"),
        (("attest", "lumps", "M9", "--until", "soon"), "'soon' is none"),
        (("attest", "lumps", "M9", "--until", day(30)), "The rubric has no test 'M9'"),
        (("attest", "lumps", "M7", "--until", day(30)), "this reason has 0"),
        (("attest", "lumps", "M7", "--until", day(-1), "--reason", "x"), "past"),
    ):
        refused = trueup("score", *arguments)
        assert refused.code in (2, 3)
        assert words in refused.err
        assert "Traceback" not in refused.err
