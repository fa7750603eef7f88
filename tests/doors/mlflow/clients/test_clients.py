"""MLflow's own clients, unchanged, against a real server: each suite is run by their interpreter.

The suites stand in `suites/`; how they are run by hand is to be seen in `run_suites`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from .environments import environment, python
from .server import PLAN, say, serving

SUITES = Path(__file__).parent / "suites"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("client", "suites"),
    [
        ("mlflow-3", ("tracking", "traces")),
        ("mlflow-3", ("models", "learning")),
        ("mlflow-2", ("tracking", "models", "learning", "old_traces")),
    ],
)
def test_a_client_finds_what_it_expects(
    client: str, suites: tuple[str, ...], tmp_path: Path
) -> None:
    python(client)  # which takes minutes the first time: no server waits for it
    with serving(tmp_path / "project") as url:
        run_suites(client, suites, tmp_path, MLFLOW_TRACKING_URI=url)


@pytest.mark.slow
def test_clients_sign_in(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    team = '[team]\nvera = ["viewer"]\nsam = ["scientist"]\n'
    (project / "trueup.toml").write_text(PLAN + team)
    say(project, "plan", "adopt")
    secrets = {
        f"{name.upper()}S": say(project, "people", "token", "add", name).strip()
        for name in ("vera", "sam")
    }
    python("mlflow-3")
    with serving(project, "--require-sign-in") as url:
        run_suites("mlflow-3", ("signing",), tmp_path, MLFLOW_TRACKING_URI=url, **secrets)
        for path, challenge in (("/", "Basic"), ("/api/v1/people", "Basic"), ("/v2", "Basic")):
            reply = httpx.get(f"{url}{path}")
            assert (reply.status_code, challenge in reply.headers["www-authenticate"]) == (
                401,
                True,
            )
        opened = httpx.get(f"{url}/api/v1/people", auth=("vera", secrets["VERAS"]))
        assert [each["name"] for each in opened.json()]
        assert httpx.get(f"{url}/health").text == "OK"
    kept = b"".join(file.read_bytes() for file in project.rglob("*") if file.is_file())
    assert not [secret for secret in secrets.values() if secret.encode() in kept]


def run_suites(client: str, suites: tuple[str, ...], folder: Path, **variables: str) -> None:
    """Run suites by a client's interpreter; all that it says is told when one fails."""
    files = [str(SUITES / f"suite_{name}.py") for name in suites]
    options = ["-q", "-W", "ignore", "-c", "/dev/null", "-p", "no:cacheprovider"]
    places = ["-p", "surroundings", "--rootdir", str(SUITES), "--confcutdir", str(SUITES)]
    run = [str(python(client)), "-m", "pytest", *options, *places, "--basetemp", str(folder / "t")]
    done = subprocess.run(
        [*run, *files],
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
    if done.returncode:
        pytest.fail(f"{done.stdout[-20000:]}\n{done.stderr[-5000:]}", pytrace=False)
