"""Which installed distributions count for a module, and what the environment of a run holds."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

import pytest

from trueup.backends.blobs.local import Backend
from trueup.foundation.records import decode
from trueup.lifecycle.pipeline.code import packages


def test_a_module_counts_with_all_that_its_distribution_requires() -> None:
    found = packages.of_modules(["sklearn.linear_model"])
    assert found["scikit-learn"] == metadata.version("scikit-learn")
    assert {"numpy", "scipy", "joblib"} <= set(found)


def test_python_itself_and_the_users_own_modules_are_no_distributions() -> None:
    assert packages.of_modules(["json", "builtins", "my_helpers"]) == {}


def test_what_is_not_installed_is_nothing() -> None:
    assert packages.of_distribution("absent-package") == {}


def test_optional_requirements_do_not_count() -> None:
    assert "pyarrow" not in packages.of_distribution("polars")


def test_the_environment_is_kept_once_under_its_digest(tmp_path: Path) -> None:
    blobs = Backend(f"local://{tmp_path}")
    digest = packages.capture(blobs)
    assert packages.capture(blobs) == digest
    kept = decode(blobs.get(digest), packages.Environment)
    assert kept == packages.environment()
    assert (kept.python, kept.packages["polars"]) == (
        platform.python_version(),
        metadata.version("polars"),
    )


def test_a_distribution_is_read_as_its_installer_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "tidy_tool-2.0.dist-info"
    new.mkdir()
    license_ = "License: do\r\n        \r\n        what you want"
    fields = [
        "Name: Tidy.Tool",
        "Version: 2.0",
        license_,
        "Requires-Dist: polars (>=1)",
        "",
        "x: y",
    ]
    (new / "METADATA").write_bytes("\r\n".join(fields).encode())
    files = ["tidy/__init__.py,,", "tidy_c.abi3.so,,", '"a,b.py",,', "tidy_tool-2.0.dist-info/X,,"]
    (new / "RECORD").write_text("\n".join(files))
    old = tmp_path / "aged-1.0.egg-info"
    old.mkdir()
    (old / "PKG-INFO").write_text("Name: aged\nVersion: 1.0\n")
    (old / "requires.txt").write_text("tidy-tool\n")
    (old / "top_level.txt").write_text("aged\n")
    packages.forget()
    with monkeypatch.context() as patched:
        patched.syspath_prepend(tmp_path)
        of_new = packages.of_modules({"tidy"})
        assert of_new["tidy-tool"] == "2.0" and "polars" in of_new
        assert packages.of_modules({"tidy_c"}) == of_new
        assert packages.of_modules({"aged"}) == {"aged": "1.0", **of_new}
    packages.forget()
