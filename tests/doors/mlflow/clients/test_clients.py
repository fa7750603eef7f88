"""MLflow's own clients, unchanged, against real servers: each suite is run by their interpreter.

The suites stand in `suites/`. One process of a client runs all of its suites, for it takes longer
to import than most of them take; here each of them is a test. How they are run by hand is to be
seen in `run_suites`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import httpx
import numpy as np
import polars as pl
import pytest

from trueup.app import starting

from .environments import ROOT, environment, python
from .server import PLAN, TRUEUP, say, serving

pytestmark = pytest.mark.slow

SUITES = Path(__file__).parent / "suites"
OF_CLIENT = {
    "mlflow-3": (
        *("tracking", "traces", "models", "learning"),
        *("signing", "people", "webhooks", "judging"),
    ),
    "mlflow-2": ("tracking", "models", "learning", "old_traces", "people"),
}
TEAM = '[team]\nvera = ["viewer"]\nsam = ["scientist"]\n'
TOLD = '[webhooks]\nprivate_hosts = ["127.0.0.1"]\n'
BAD = ("failure", "error")  # in a report; what was skipped is neither that nor passed
JUDGED = """
[process]
template = "solo"

[datasets.lumps]
path = "data/lumps.csv"

[[goals]]
id = "ranked"
claim = "Late rows score higher"
metric = "roc_auc"
gate = { at_least = 0.7, min_rows = 100 }
watch = { window = "7d" }
on_breach = ["alert"]
"""
OLGA = ["-c", "user.name=Olga", "-c", "user.email=olga@example.org"]


class Signing(NamedTuple):
    """A project that lets nobody in without a token, and the tokens by name."""

    project: Path
    url: str
    tokens: dict[str, str]


class Suite(NamedTuple):
    """How many tests of a suite passed, and what those said that did not."""

    passed: int
    failures: list[str]


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signing]:
    """A server that asks who is there."""
    project = tmp_path_factory.mktemp("signing") / "project"
    project.mkdir()
    (project / "trueup.toml").write_text(PLAN + TEAM + TOLD)
    say(project, "plan", "adopt")
    everybody = json.loads(say(project, "people", "list", "--json"))
    (owner,) = (each["person"]["name"] for each in everybody if "owner" in each["person"]["roles"])
    tokens = {
        whose: say(project, "people", "token", "add", name).strip()
        for whose, name in (("vera", "vera"), ("sam", "sam"), ("owner", owner))
    }
    with serving(project, "--require-sign-in") as url:
        yield Signing(project, url, tokens)


@contextmanager
def judging(project: Path) -> Iterator[dict[str, str]]:
    """A server over a project with a gate, data to be judged on, and a version of its own."""
    project.mkdir()
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    starting.start(project, commit=False)
    (project / "trueup.toml").write_text(PLAN + JUDGED)
    sample(600).write_csv(project / "data" / "late.csv")
    for command in (["add", "."], [*OLGA, "commit", "--quiet", "-m", "start"]):
        subprocess.run(["git", "-C", str(project), *command], check=True)
    say(project, "plan", "adopt")
    say(project, "data", "add", "data/late.csv", "--name", "late")
    say(project, "run", "--engine", "inprocess://")
    with serving(project) as url:
        yield {
            "JUDGING": url,
            "PROJECT": str(project),
            "CHECK": json.dumps([*TRUEUP, "check"]),
        }


def sample(rows: int) -> pl.DataFrame:
    """Rows whose label follows `a`."""
    random = np.random.default_rng(7)
    a = random.normal(size=rows)
    late = random.random(rows) < 1 / (1 + np.exp(-3 * a))
    return pl.DataFrame({"a": a, "b": random.normal(size=rows), "late": late.astype(int)})


@pytest.fixture(scope="module")
def found_by(
    signing: Signing, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, Suite]]:
    """What a client found, by suite; each is asked once."""

    @cache
    def find(client: str) -> dict[str, Suite]:
        suites = OF_CLIENT[client]
        folder = tmp_path_factory.mktemp(client)
        python(client)  # which takes minutes the first time: no server waits for it
        asked = {
            **{f"{whose.upper()}S": token for whose, token in signing.tokens.items()},
            **{"SIGNING": signing.url, "SIGNING_PROJECT": str(signing.project)},
            **{"TRUEUP": json.dumps(TRUEUP), "OURS": str(ROOT / "src")},
        }
        with serving(folder / "project") as url:
            asked["MLFLOW_TRACKING_URI"] = url
            if "judging" not in suites:
                return run_suites(client, suites, folder, **asked)
            with judging(folder / "judged") as judged:
                return run_suites(client, suites, folder, **asked, **judged)

    return find


@pytest.mark.parametrize(
    ("client", "suite"),
    [(client, suite) for client, suites in OF_CLIENT.items() for suite in suites],
)
def test_a_client_finds_what_it_expects(
    client: str, suite: str, found_by: Callable[[str], dict[str, Suite]]
) -> None:
    passed, failures = found_by(client)[suite]
    if failures:
        pytest.fail("\n\n".join(failures), pytrace=False)
    assert passed


def test_who_signed_in_left_no_secret_behind(
    found_by: Callable[[str], dict[str, Suite]], signing: Signing
) -> None:
    assert found_by("mlflow-3")["signing"].passed
    for path, challenge in (("/", "Basic"), ("/api/v1/people", "Basic"), ("/v2", "Basic")):
        reply = httpx.get(f"{signing.url}{path}", timeout=60)
        asks = challenge in reply.headers["www-authenticate"]
        assert (reply.status_code, asks) == (401, True)
    known = ("vera", signing.tokens["vera"])
    opened = httpx.get(f"{signing.url}/api/v1/people", auth=known, timeout=60)
    assert [each["name"] for each in opened.json()]
    assert httpx.get(f"{signing.url}/health", timeout=60).text == "OK"
    kept = b"".join(file.read_bytes() for file in signing.project.rglob("*") if file.is_file())
    assert not [token for token in signing.tokens.values() if token.encode() in kept]


def run_suites(
    client: str, suites: tuple[str, ...], folder: Path, **variables: str
) -> dict[str, Suite]:
    """Run suites by a client's interpreter; what they say is told where they do not run at all."""
    files = [str(SUITES / f"suite_{name}.py") for name in suites]
    report = folder / "report.xml"
    options = ["-q", "-W", "ignore", "-c", "/dev/null", "-p", "no:cacheprovider"]
    places = ["-p", "surroundings", "--rootdir", str(SUITES), "--confcutdir", str(SUITES)]
    kept = ["--junitxml", str(report), "--basetemp", str(folder / "t")]
    done = subprocess.run(
        [str(python(client)), "-m", "pytest", *options, *places, *kept, *files],
        cwd=folder,
        env=environment(
            MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
            MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
            HOME=str(folder),
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",  # those of ours that are lent
            PYTHONPATH=str(SUITES),
            **variables,
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode in (0, 1), f"{done.stdout[-20000:]}\n{done.stderr[-5000:]}"
    found = {name: Suite(0, []) for name in suites}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.attrib["classname"].partition(".")[0].removeprefix("suite_")
        bad = [f"{case.attrib['name']}: {each.text}" for each in case if each.tag in BAD]
        passed, failures = found[name]
        found[name] = Suite(passed + (not len(case)), failures + bad)
    assert (done.returncode == 1) == any(suite.failures for suite in found.values())
    return found
