"""Which installed distributions count for a module, and what the environment of a run holds."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

from trueup.backends.blobs.local import Backend
from trueup.foundation.records import decode
from trueup.lifecycle.pipeline import packages


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
