"""What `import trueup` offers, and what it costs."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import trueup

PUBLIC = {
    "BackendError",
    "ConflictError",
    "DeniedError",
    "GateFailedError",
    "InternalError",
    "MissingExtraError",
    "NotFoundError",
    "TrueupError",
    "UsageError",
    "UserCodeError",
    "__version__",
    "active_run",
    "build",
    "candidate",
    "check_data",
    "check_model",
    "choose",
    "data",
    "drift",
    "each",
    "function_model",
    "log",
    "notebook",
    "pipeline",
    "run",
    "secret",
    "sh",
    "step",
    "tensor_model",
}
HEAVY = {
    "alembic",
    "jinja2",
    "litestar",
    "numpy",
    "pandas",
    "polars",
    "scipy",
    "sklearn",
    "sqlalchemy",
}
SECONDS = 0.15

IMPORT = "import trueup"
HELP = """
import sys
sys.argv = ["trueup", "--help"]
from trueup.doors.cli.main import main
try:
    main()
except SystemExit:
    pass
"""
LOADED = "\nimport sys\nprint('\\nloaded:', *sorted(sys.modules))"


def test_the_public_names_are_exactly_these() -> None:
    assert set(dir(trueup)) == PUBLIC


def test_every_public_name_can_be_had() -> None:
    assert all(getattr(trueup, name) is not None for name in PUBLIC)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'experiment'"):
        _ = trueup.experiment


def test_the_version_is_that_of_the_package(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert trueup.__version__ == project["version"]


@pytest.fixture(params=[IMPORT, HELP], ids=["import trueup", "trueup --help"])
def code(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_starting_loads_nothing_heavy(code: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", code + LOADED], capture_output=True, text=True, check=True
    )
    loaded = run.stdout.rpartition("loaded: ")[2].split()
    assert "trueup" in loaded
    assert not HEAVY & set(loaded)


def test_starting_takes_at_most_150_ms(code: str) -> None:
    """Processor time, which a busy machine does not lengthen; bench/ measures by the wall clock."""
    best = min(_seconds(code) for _ in range(5))
    assert best <= SECONDS, f"the best of five starts took {best * 1000:.0f} ms"


def _seconds(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # As a person starts it: with bytecode from the last time.
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=usual)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
