"""Remotes, connections and costs stand beside the plan: they bind nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from trueup.foundation.errors import UsageError
from trueup.lifecycle.plan import service

PLAN = '[project]\nname = "shop"\nobjective = "Sell"\n'


def written(root: Path, text: str) -> Path:
    (root / "trueup.toml").write_text(PLAN + text)
    return root


def test_a_project_without_any_works_with_nothing(tmp_path: Path) -> None:
    around = service.surroundings(written(tmp_path, ""))
    assert (around.remotes, around.connections, around.costs.cpu_hour) == ({}, {}, 0)


def test_they_are_read_as_they_stand_in_the_file(tmp_path: Path) -> None:
    root = written(
        tmp_path,
        '[remotes.lab]\nurl = "s3://lab/flights"\n[cache]\nremote = "lab"\n'
        '[costs]\ncpu_hour = 0.05\ncurrency = "EUR"\n'
        '[connections.jenkins]\nurl = "https://ci.example.org"\ntoken = "secret:JENKINS_TOKEN"\n',
    )
    around = service.surroundings(root)
    assert around.remotes["lab"].url == "s3://lab/flights"
    assert (around.cache.remote, around.costs.currency) == ("lab", "EUR")
    assert around.connections["jenkins"].token == "secret:JENKINS_TOKEN"


def test_the_address_of_the_plan_does_not_depend_on_them(tmp_path: Path) -> None:
    before = service.address(service.read(written(tmp_path, "")))
    after = service.address(service.read(written(tmp_path, '[remotes.lab]\nurl = "s3://lab/"\n')))
    assert before == after


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[remotes.lab]\nurl = "lab"\n', "remote 'lab' has the url 'lab'"),
        ('[remotes."a b"]\nurl = "s3://x/"\n', "remote name 'a b'"),
        ('[cache]\nremote = "lab"\n', "cache.remote points at 'lab'"),
        ("[costs]\ncpu_hour = -1\n", "costs.cpu_hour is -1"),
        ('[connections.ci]\nurl = "https://x"\ntoken = "abc123"\n', "its token in the open"),
        ('[remotes.lab]\nurl = "s3://x/"\nregoin = "eu"\n', "regoin"),
    ],
)
def test_what_could_not_be_used_is_refused(tmp_path: Path, text: str, says: str) -> None:
    root = written(tmp_path, text)
    for reading in (service.read, service.surroundings):
        with pytest.raises(UsageError, match=says) as caught:
            reading(root)
        assert "abc123" not in str(caught.value)
