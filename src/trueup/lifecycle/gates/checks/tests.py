"""The project's own tests, run by pytest in a process of its own, at the version's own code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as Xml

from trueup.foundation.text import listing, plural
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods.parts import told, worst
from trueup.lifecycle.gates.rebuilding import Code, NotHereError
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.plan.demands import CodeTests

TAKES = "evidence"
_NONE_COLLECTED: Final = 5
_FAILED: Final = (0, 1)
_MOST: Final = 200
_LONGEST: Final = 200


def check(demand: CodeTests, evidence: Evidence) -> CheckResult:
    """Whether every test passes."""
    if evidence.rebuild is None:
        words = f"the code of {evidence.ref} is not known here"
        return CheckResult(check="tests", outcome="not-applicable", words=words)
    try:
        with evidence.rebuild.code() as code:
            return _run(demand, code, evidence.ref)
    except NotHereError as why:
        return CheckResult(check="tests", outcome="not-applicable", words=str(why))


def _run(demand: CodeTests, code: Code, ref: str) -> CheckResult:
    at = f"commit {code.commit[:12]}" + (" with its changes" if code.is_changed else "")
    if missing := [path for path in demand.paths if not (code.root / path).exists()]:
        words = f"{listing(missing)} is not in {at}; commit the tests, or correct paths"
        return CheckResult(check="tests", outcome="error", words=words)
    report = code.imports / "tests.xml"
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("TRUEUP_", "GIT_", "PYTEST_"))}
    # What the fixture `candidate` of our pytest plugin gives: this version, of this project.
    about = {"TRUEUP_MODEL": ref, "TRUEUP_PROJECT": str(code.project)}
    paths = [str(code.imports), str(code.root), *(entry for entry in sys.path if entry)]
    try:
        done = subprocess.run(  # noqa: S603 - pytest, no shell
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *("-p", "trueup.testing.plugin"),
                *(f"--junitxml={report}", "--", *demand.paths),
            ],
            capture_output=True,
            check=False,
            timeout=demand.seconds,
            cwd=code.root,
            env={**kept, **about, "PYTHONPATH": os.pathsep.join(paths)},
        )
    except subprocess.TimeoutExpired:
        words = f"the tests did not end within {demand.seconds:g} s"
        return CheckResult(check="tests", outcome="failed", words=words)
    if done.returncode == _NONE_COLLECTED:
        words = f"pytest finds no test in {listing(demand.paths)} at {at}"
        return CheckResult(check="tests", outcome="not-enough-data", words=words)
    parts = _cases(report) if done.returncode in _FAILED else []
    if not parts:
        said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
        words = f"pytest could not run at {at}: {(said or ['it said nothing'])[-1][:_LONGEST]}"
        return CheckResult(check="tests", outcome="error", words=words)
    parts.sort(key=lambda part: part.outcome == "passed")
    return CheckResult(
        check="tests",
        outcome=worst(parts),
        words=told(parts, f"{plural(len(parts), 'test')} at {at} pass"),
        value=float(sum(part.outcome == "failed" for part in parts)),
        limit=0.0,
        rows=len(parts),
        parts=tuple(parts[:_MOST]),
    )


def _cases(report: Path) -> list[Part]:
    """The test cases in the JUnit XML that pytest wrote."""
    if not report.is_file():
        return []
    parts = []
    for case in Xml.parse(report).iter("testcase"):  # noqa: S314 - our own pytest wrote it
        name = f"{case.get('classname', '')}.{case.get('name', '')}".strip(".")
        outcome: CheckOutcome = "passed"
        words = f"{name} passes"
        for tag, meaning in (("skipped", "is skipped"), ("failure", "fails"), ("error", "breaks")):
            found = case.find(tag)
            if found is not None:
                outcome = "not-applicable" if tag == "skipped" else "failed"
                said = " ".join((found.get("message") or "").split())[:_LONGEST]
                words = f"{name} {meaning}" + (f": {said}" if said else "")
        parts.append(Part(name=name, outcome=outcome, words=words))
    return parts
