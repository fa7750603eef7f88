"""The pytest plugin: tests of a model as plain functions, whose outcomes a gate takes as evidence.

def test_a_storm_raises_the_score(candidate):
    calm = candidate.rows.with_columns(wind=pl.lit(5.0))
    storm = candidate.rows.with_columns(wind=pl.lit(60.0))
    assert (candidate.predict(storm) >= candidate.predict(calm)).mean() > 0.95

A goal that demands `checks = [{ kind = "tests", paths = ["tests/model"] }]` makes the gate run them
about the version that it judges. Nothing of Trueup is imported before a test asks for a fixture.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from trueup.testing.candidates import Candidate

MODEL: Final = "TRUEUP_MODEL"
"""Environment variable that names the version under test, such as `flights@12`."""
PROJECT: Final = "TRUEUP_PROJECT"
"""Environment variable that names the project's folder: a gate runs tests in a copy of its code."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    group = parser.getgroup("trueup")
    group.addoption(
        "--trueup-model",
        default="",
        metavar="MODEL[@VERSION]",
        help=f"the version that the fixture `candidate` gives; else ${MODEL}, else the project's "
        "newest one",
    )


@pytest.fixture(scope="session")
def candidate(request: pytest.FixtureRequest) -> Iterator[Candidate]:
    """The model version under test, with the rows that it is judged on."""
    from trueup.testing.candidates import opened

    named = request.config.getoption("--trueup-model") or os.environ.get(MODEL, "")
    project = Path(os.environ.get(PROJECT, "") or request.config.rootpath)
    with opened(project, named) as found:
        yield found


@pytest.fixture(scope="session")
def check_model() -> Callable[..., Any]:
    """`trueup.check_model`: checks of a model in memory, on rows in memory."""
    import trueup

    return trueup.check_model


@pytest.fixture(scope="session")
def check_data() -> Callable[..., Any]:
    """`trueup.check_data`: checks of rows in memory."""
    import trueup

    return trueup.check_data
