"""`trueup secret` on the command line: values go in and never come out."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest

CANARY = "canary-4f9a1c77e2"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a text on standard input."""

    def say(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return say


def test_a_secret_is_set_listed_and_removed(project: Path, trueup: Any, said: Any) -> None:
    said(CANARY + "\n")
    done = trueup("secret", "set", "TOKEN")
    file = project / ".trueup" / "secrets" / "TOKEN"
    assert (done.code, file.read_text()) == (0, CANARY)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    listed = trueup("secret", "list", "--json")
    assert listed.data == [{"name": "TOKEN", "origin": "file"}]
    shown = trueup("secret", "list")
    removed = trueup("secret", "remove", "TOKEN", "--json")
    assert removed.data == {"name": "TOKEN"}
    assert not file.exists()
    for ran in (done, listed, shown, removed):
        assert CANARY not in ran.out + ran.err


def test_what_cannot_be_kept_says_why(project: Path, trueup: Any, said: Any) -> None:
    said("short")
    refused = trueup("secret", "set", "TOKEN")
    assert (refused.code, "has 5 characters" in refused.err) == (2, True)
    said(CANARY)
    assert trueup("secret", "set", "A-B", "--json").code == 2
    missing = trueup("secret", "remove", "TOKEN", "--json")
    assert missing.code == 3
    assert json.loads(missing.out or missing.err)["code"] == "secret-missing"


def test_a_viewer_sets_no_secret(project: Path, trueup: Any, said: Any) -> None:
    said(CANARY)
    denied = trueup("secret", "set", "TOKEN", "--as", "rita")
    assert denied.code == 5
    assert not (project / ".trueup" / "secrets").exists()
