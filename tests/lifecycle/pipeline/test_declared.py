"""What a step declares beside code and arguments counts by content, and secrets by name only."""

from __future__ import annotations

from pathlib import Path

import pytest

from trueup.foundation import digests
from trueup.lifecycle.pipeline import declared
from trueup.lifecycle.pipeline.code.syntax import Unclear
from trueup.lifecycle.pipeline.records import StepOptions


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a file and a folder."""
    (tmp_path / "project" / "lists").mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("")
    (tmp_path / "project" / "words.txt").write_text("a")
    (tmp_path / "project" / "lists" / "b.txt").write_text("b")
    return tmp_path / "project"


def test_a_variable_is_kept_as_a_digest(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "north")
    monkeypatch.delenv("ABSENT", raising=False)
    found = declared.of_options(StepOptions(environment=("REGION", "ABSENT")), root)
    assert found.environment == {"ABSENT": "unset", "REGION": digests.of_bytes(b"north")}


def test_files_and_folders_count_by_content(root: Path) -> None:
    found = declared.of_options(StepOptions(depends_on=("words.txt", "lists")), root)
    assert found.files == {
        "words.txt": digests.of_bytes(b"a"),
        "lists/b.txt": digests.of_bytes(b"b"),
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent.txt", "'absent.txt', which cannot be read"),
        ("../outside.txt", "'../outside.txt', which leads out of the project"),
        ("lists/link.txt", "'lists/link.txt', which leads out of the project"),
        ("lists", "'link.txt', which leads out of the project"),
    ],
)
def test_what_cannot_be_read_is_named(root: Path, name: str, reason: str) -> None:
    (root / "lists" / "link.txt").symlink_to(root.parent / "outside.txt")
    with pytest.raises(Unclear, match="it depends on ") as caught:
        declared.of_options(StepOptions(depends_on=(name,)), root)
    assert reason in str(caught.value)


def test_a_version_and_the_names_of_secrets_count(root: Path) -> None:
    found = declared.of_options(StepOptions(version="2", secrets=("TOKEN", "KEY")), root)
    assert (found.version, found.secrets) == ("2", ("KEY", "TOKEN"))
