"""Which remote is meant, and where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from trueup.backends.objects.file import Backend
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.lifecycle.data.exchange import remotes
from trueup.lifecycle.data.exchange.remotes import Named

PROJECT = '[project]\nname = "p"\nobjective = "o"\n'


def project(root: Path, **urls: str) -> Path:
    tables = [f'[remotes.{name}]\nurl = "{url}"\n' for name, url in urls.items()]
    (root / "trueup.toml").write_text(PROJECT + "".join(tables))
    return root


def test_the_only_remote_is_meant(tmp_path: Path) -> None:
    root = project(tmp_path, team="s3://bucket/prefix")
    assert remotes.choose(root, "", {}) == Named("team", "s3://bucket/prefix")


def test_a_folder_of_the_project_moves_with_it(tmp_path: Path) -> None:
    for name in ("here", "there and #?%"):
        (tmp_path / name).mkdir()
        root = project(tmp_path / name, copies="file://./my%20copies")
        url = remotes.choose(root, "copies", {}).url
        assert url.startswith("file:///")
        assert Backend(url).folder == root / "my copies"


def test_an_absolute_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    root = project(tmp_path, disk="file:///mnt/disk")
    assert remotes.choose(root, "", {}).url == "file:///mnt/disk"


def test_of_several_one_must_be_named(tmp_path: Path) -> None:
    root = project(tmp_path, one="s3://a", two="s3://b")
    with pytest.raises(UsageError, match="several remotes: one and two"):
        remotes.choose(root, "", {})
    assert remotes.choose(root, "two", {}).url == "s3://b"
    assert remotes.choose(root, "", {remotes.VARIABLE: "one"}).url == "s3://a"


def test_a_near_name_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'team'"):
        remotes.choose(project(tmp_path, team="s3://a"), "taem", {})
