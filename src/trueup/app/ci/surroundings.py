"""Which server builds this: what Jenkins, GitHub and GitLab tell their builds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from trueup.foundation.records import Record
from trueup.lifecycle.plan.records import Connection
from trueup.lifecycle.runs.records import BY_HAND, Cause


class Built(Record):
    """The build that a command runs in; all empty outside of one.

    Attributes:
        server: `jenkins`, `github` or `gitlab`.
        name: Name of what is built.
        number: Its number.
        url: Its page.
        commit: The commit that is built; for a review often a merge that no reader sees.
        head: The newest commit of the review, which readers see; empty where that is built.
        branch: The branch.
        review: Number of the review that is built, if it is one.
    """

    server: str = ""
    name: str = ""
    number: str = ""
    url: str = ""
    commit: str = ""
    branch: str = ""
    review: int = 0
    head: str = ""

    @property
    def ref(self) -> str:
        """Short words for it, such as `jenkins:Team/train#7`; empty outside of a build."""
        return f"{self.server}:{self.name}#{self.number}" if self.server else ""


_NAMES: Final[dict[str, dict[str, str]]] = {
    "jenkins": {
        "name": "JOB_NAME",
        "number": "BUILD_NUMBER",
        "url": "BUILD_URL",
        "commit": "GIT_COMMIT",
        "branch": "CHANGE_BRANCH|BRANCH_NAME|GIT_BRANCH",
        "review": "CHANGE_ID",
    },
    "github": {
        "name": "GITHUB_WORKFLOW",
        "number": "GITHUB_RUN_NUMBER",
        "commit": "GITHUB_SHA",
        "branch": "GITHUB_HEAD_REF|GITHUB_REF_NAME",
    },
    "gitlab": {
        "name": "CI_JOB_NAME",
        "number": "CI_PIPELINE_IID",
        "url": "CI_PIPELINE_URL",
        "commit": "CI_COMMIT_SHA",
        "head": "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA",
        "branch": "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME|CI_COMMIT_REF_NAME",
        "review": "CI_MERGE_REQUEST_IID",
    },
}
_SIGNS: Final = {"JENKINS_URL": "jenkins", "GITHUB_ACTIONS": "github", "GITLAB_CI": "gitlab"}


def cause(environment: Mapping[str, str]) -> Cause:
    """What a run is made for that a build starts; in no build that is nothing but a person.

    Example:
        >>> cause({"JENKINS_URL": "https://ci/", "JOB_NAME": "train", "BUILD_NUMBER": "7"}).by
        'jenkins:train#7'
    """
    built = read(environment)
    if not built.server:
        return BY_HAND
    words = f"build {built.number} of {built.name} on {built.server}"
    return Cause(by=built.ref[:200], reason=f"{words} ({built.url})" if built.url else words)


def read(environment: Mapping[str, str]) -> Built:
    """The build that these environment variables describe.

    Example:
        >>> read({"JENKINS_URL": "https://ci/", "JOB_NAME": "train", "BUILD_NUMBER": "7"}).number
        '7'
    """
    server = next((name for sign, name in _SIGNS.items() if environment.get(sign)), "")
    if not server:
        return Built()
    facts = {
        field: next((environment[v] for v in variables.split("|") if environment.get(v)), "")
        for field, variables in _NAMES[server].items()
    }
    review = facts.pop("review", "")
    if server == "github":
        base = environment.get("GITHUB_SERVER_URL", "https://github.com")
        place = environment.get("GITHUB_REPOSITORY", "")
        facts["url"] = f"{base}/{place}/actions/runs/{environment.get('GITHUB_RUN_ID', '')}"
        reference = environment.get("GITHUB_REF", "").split("/")  # refs/pull/7/merge
        review = reference[2] if reference[1:2] == ["pull"] and len(reference) > 2 else ""
        facts["head"] = _head(environment.get("GITHUB_EVENT_PATH", "")) if review else ""
    facts["branch"] = facts["branch"].removeprefix("origin/")
    return Built(server=server, review=int(review) if review.isdecimal() else 0, **facts)


def connection(environment: Mapping[str, str]) -> Connection | None:
    """How the service is asked whose build this is: a build knows what trueup.toml need not say.

    Example:
        >>> told = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "ann/flights"}
        >>> connection(told).repository
        'ann/flights'
    """
    match read(environment).server:
        case "github":
            return Connection(
                url=environment.get("GITHUB_API_URL", "https://api.github.com"),
                token="secret:GITHUB_TOKEN",  # noqa: S106 - the name of a secret
                repository=environment.get("GITHUB_REPOSITORY", ""),
            )
        case "gitlab":
            return Connection(
                url=environment.get("CI_API_V4_URL", "https://gitlab.com/api/v4"),
                token="secret:GITLAB_TOKEN",  # noqa: S106 - the name of a secret
                repository=environment.get("CI_PROJECT_PATH", ""),
            )
    return None


class _Reviewed(msgspec.Struct):
    sha: str = ""


class _Review(msgspec.Struct):
    head: _Reviewed = msgspec.field(default_factory=_Reviewed)


class _Event(msgspec.Struct):
    pull_request: _Review = msgspec.field(default_factory=_Review)


def _head(event: str) -> str:
    """The newest commit of the pull request that GitHub describes in a file; empty if unknown."""
    try:
        return msgspec.json.decode(Path(event).read_bytes(), type=_Event).pull_request.head.sha
    except (OSError, msgspec.MsgspecError):
        return ""
