"""Symbolic links: those inside may be kept, the others are refused with what would cure it."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from trueup.foundation.errors import UsageError
from trueup.lifecycle.data.worktree import linking

from ..conftest import Desk, laid, write
from .test_tree import refusal


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("link", "/etc/passwd"),
        ("link", ".."),
        ("link", "../other"),
        ("a/link", "../../x"),
        ("link", ""),
        ("link", "a/../b"),  # `a` may be a link itself: then `..` is not where it seems
        ("link", ".git/hooks"),
        ("a/link", "../.trueup/blobs"),
    ],
)
def test_a_link_must_stay_inside(path: str, target: str) -> None:
    assert refusal(lambda: linking.check(path, target)).code == "dataset-link-leads-out"


@pytest.mark.parametrize(
    ("path", "target"), [("link", "a"), ("link", "a/b"), ("a/link", "../b"), ("a/b/c", "../../d")]
)
def test_a_link_inside_is_fine(path: str, target: str) -> None:
    linking.check(path, target)


def test_a_link_inside_is_refused_with_the_rule_that_keeps_it(desk: Desk) -> None:
    write(desk.place, {"a": b"1"})
    (desk.place / "link").symlink_to("a")
    error = refusal(desk.keep)
    assert (error.code, "data/images/link" in error.message) == ("dataset-link", True)
    assert error.hint.startswith("trueup data add data/images --links keep ")


@pytest.mark.parametrize("links", ["refuse", "keep"])
@pytest.mark.parametrize("target", ["../out", "../out/f"])
def test_the_cure_for_a_link_that_leads_out_works_when_it_is_pasted(
    desk: Desk, links: str, target: str
) -> None:
    write(desk.root, {"data/out/f": b"1", "data/images/a b/x": b"2"})
    (desk.place / "a b/link").symlink_to(f"../{target}")
    error = refusal(lambda: desk.keep(links=links))
    assert error.code == {"refuse": "dataset-link", "keep": "dataset-link-leads-out"}[links]
    pasted, _, _ = error.hint.partition("   (")
    subprocess.run(["sh", "-c", pasted], cwd=desk.root, check=True)
    desk.keep()
    assert b"1" in laid(desk.place / "a b").values()


def test_a_link_that_leads_nowhere_may_go(desk: Desk) -> None:
    write(desk.place, {"a": b"1"})
    (desk.place / "link").symlink_to("/nowhere/at/all")
    assert refusal(desk.keep).hint.startswith("rm data/images/link ")


@pytest.mark.parametrize("links", ["refuse", "keep"])
def test_a_python_environment_is_named_as_what_it_is(desk: Desk, links: str) -> None:
    write(desk.place, {"a": b"1", "sub/.venv/pyvenv.cfg": b"", "sub/.venv/bin/pip": b"#!"})
    (desk.place / "sub/.venv/bin/python").symlink_to("/usr/bin/python3")
    error = refusal(lambda: desk.keep(links=links))
    assert "Python environment data/images/sub/.venv" in error.message
    moved, origin, target = shlex.split(error.hint.partition("   (")[0])
    assert (moved, origin, target) == ("mv", "data/images/sub/.venv", "data")


def test_a_link_of_a_folder_between_steps_is_refused_without_a_rule(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    (tmp_path / "link").symlink_to("f")
    error = linking.refused(tmp_path / "link", "link", "out/link", "")
    assert isinstance(error, UsageError)
    assert "--links" not in error.hint
