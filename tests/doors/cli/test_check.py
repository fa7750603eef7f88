"""Gates from the command line: checks without a verdict, verdicts that are proved, waivers."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

DEMANDING = ("at_least = 0.90", "at_least = 0.9999")


def adopt(old: str, new: str, trueup: Any) -> None:
    """Change the plan and put it in force."""
    plan = Path("trueup.toml")
    plan.write_text(plan.read_text().replace(old, new))
    assert trueup("plan", "adopt").code == 0


def test_a_version_is_checked_without_a_verdict(lived: Path, trueup: Any) -> None:
    before = trueup("verdict", "list", "lumps@1").out
    ran = trueup("check", "model", "lumps@1", "--only", "answers", "--only", "limit", "--json")
    assert (ran.code, [each["check"] for each in ran.data]) == (0, ["answers", "limit", "limit"])
    ran = trueup("check", "model", "lumps@1", "--only", "answers", "--html", "page.html")
    assert ran.code == 0
    assert "lie in 0 to 1 and repeat exactly" in ran.out
    assert "Checks of lumps@1" in (lived / "page.html").read_text()
    assert trueup("verdict", "list", "lumps@1").out == before


def test_an_unknown_check_is_named_with_the_near_one(lived: Path, trueup: Any) -> None:
    ran = trueup("check", "model", "lumps@1", "--only", "answer")
    assert (ran.code, "Did you mean 'answers'?" in ran.err) == (2, True)


def test_a_verdict_is_shown_proved_and_passed_on(lived: Path, trueup: Any) -> None:
    (first, *_) = trueup("verdict", "list", "lumps@1", "--json").data
    assert "signed by key" in trueup("verdict", "show", first["id"]).out
    again = trueup("verdict", "replay", f"verdict:{first['id']}", "--json")
    assert (again.code, again.data["same"], again.data["digest"]) == (0, True, first["digest"])
    assert trueup("verdict", "export", first["id"], "out/verdict.vsa.json").code == 0
    signed = json.loads((lived / "out/verdict.vsa.json").read_text())
    said = json.loads(base64.b64decode(signed["payload"]))
    assert said["predicate"]["verificationResult"] == "PASSED"
    assert trueup("verdict", "show", "nothere").code == 3


def test_a_gate_that_demands_less_is_asked_by_name(lived: Path, trueup: Any) -> None:
    plan = Path("trueup.toml")
    goal = plan.read_text().partition("[[goals]]")[2].partition("claim =")[0]
    adopt(goal, f'{goal}gates = ["production"]\n', trueup)
    adopt(*DEMANDING, trueup)
    assert trueup("check", "lumps@1").code == 6
    assert trueup("check", "lumps@1", "--gate", "candidate", "--vsa", "vsa.json").code == 0
    assert (lived / "vsa.json").exists()
    assert "TRUEUP_GATE_CANDIDATE" in str(
        base64.b64decode(json.loads((lived / "vsa.json").read_text())["payload"])
    )
    refused = trueup("release", "propose", "lumps@1", "--to", "clinic")
    assert (refused.code, "gate-failed" in refused.err) == (6, True)


def test_a_check_is_waived_by_a_second_person_until_a_day(lived: Path, trueup: Any) -> None:
    adopt(*DEMANDING, trueup)
    failing = trueup("check", "lumps@1", "--json").data["statement"]["results"]
    (name,) = [f"{r['goal']}.{r['check']}" for r in failing if r["outcome"] == "failed"]
    add = ("waiver", "add", "lumps@1", name, "--reason", "a pilot", "--days", "14")
    own = trueup(*add)
    assert (own.code, "nobody waives a check of their own work" in own.err) == (5, True)
    given = trueup(*add, "--as", "rita", "--json")
    assert (given.code, given.data["check"]) == (0, name)
    passed = trueup("check", "lumps@1", "--junit", "gate.xml")
    assert passed.code == 0
    assert f"{name} is waived until" in passed.err
    assert (lived / "gate.xml").read_text().count("<skipped") == 2
    assert "a pilot" in trueup("model", "card", "lumps@1").out
    assert "in force" in trueup("waiver", "list", "lumps@1").out
    assert trueup("waiver", "withdraw", given.data["id"], "--as", "rita").code == 0
    ended = trueup("release", "propose", "lumps@1", "--to", "clinic")
    assert (ended.code, "waiver-ended" in ended.err) == (6, True)
    assert trueup("waiver", "withdraw", "nothere", "--as", "rita").code == 3
