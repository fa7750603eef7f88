"""A push that is told of: who may tell, what is understood, and telling again changes nothing."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.doors.hooks import signatures
from trueup.doors.web.application import create
from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError
from trueup.state import eventlog

HOST = "trueup.local"
SECRET = "the secret of both sides"
COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
PUSH = {"ref": "refs/heads/main", "after": COMMIT, "pusher": {"name": "ada"}, "commits": []}
JSON = {"content-type": "application/json"}


@pytest.fixture
def hook(empty: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient[Any]]:
    """The server, as somebody sees it who cannot log in."""
    monkeypatch.setenv("TRUEUP_SECRET_GIT_HOOK", SECRET)
    empty.owner  # noqa: B018 - the first account to ask founds the project

    async def who(_connection: object) -> Actor:
        return Actor(name="mallory")

    app: Any = create(empty, who=who, hosts=[HOST])
    with TestClient(app, base_url=f"http://{HOST}") as client:
        yield client


def as_github(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return JSON | {"x-hub-signature-256": f"sha256={digest}", "x-github-event": "push"}


def as_gitlab(_body: bytes, secret: str = SECRET) -> dict[str, str]:
    return JSON | {"x-gitlab-token": secret, "x-gitlab-event": "Push Hook"}


def as_anybody(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return JSON | signatures.sign(body, secret, "msg_1", clock.now())


def tell(hook: TestClient[Any], sign: Any = as_github, **changes: Any) -> Any:
    body = msgspec.json.encode(PUSH | changes)
    return hook.post("/hooks/git", content=body, headers=sign(body))


def commits(workspace: Workspace) -> list[eventlog.Event]:
    with workspace.state.read(workspace.owner) as connection:
        return eventlog.since(connection, 0, ("commit.seen",))


@pytest.mark.parametrize("sign", [as_github, as_gitlab, as_anybody])
def test_a_push_becomes_an_event(hook: TestClient[Any], empty: Workspace, sign: Any) -> None:
    answer = tell(hook, sign)
    assert answer.status_code == 202
    assert answer.json() == {
        "is_news": True,
        "branch": "main",
        "commit": COMMIT,
        "why": f"{COMMIT[:12]} on main, pushed by ada",
    }
    (event,) = commits(empty)
    assert (event.actor, event.on_behalf_of) == ("automation", "a signed call")
    assert event.data == {"branch": "main", "commit": COMMIT}


@pytest.mark.parametrize("sign", [as_github, as_gitlab, as_anybody])
def test_the_same_push_again_is_no_news(hook: TestClient[Any], empty: Workspace, sign: Any) -> None:
    tell(hook, sign)
    tell(hook, sign, after="b" * 40)
    again = tell(hook, sign)
    assert (again.status_code, again.json()["is_news"]) == (202, False)
    assert len(commits(empty)) == 2


def test_a_call_that_is_sent_again_later_is_refused(
    hook: TestClient[Any], empty: Workspace
) -> None:
    body = msgspec.json.encode(PUSH)
    for late in (timedelta(minutes=5, seconds=2), -timedelta(minutes=5, seconds=2)):
        old = JSON | signatures.sign(body, SECRET, "msg_1", clock.now() - late)
        answer = hook.post("/hooks/git", content=body, headers=old)
        assert (answer.status_code, answer.json()["code"]) == (403, "hook-stale")
    assert commits(empty) == []


@pytest.mark.parametrize("sign", [as_github, as_gitlab, as_anybody])
def test_a_wrong_secret_is_refused(hook: TestClient[Any], empty: Workspace, sign: Any) -> None:
    body = msgspec.json.encode(PUSH)
    answer = hook.post("/hooks/git", content=body, headers=sign(body, "another secret"))
    assert (answer.status_code, answer.json()["code"]) == (403, "hook-signature")
    assert commits(empty) == []


@pytest.mark.parametrize("sign", [as_github, as_anybody])
def test_a_changed_body_is_refused(hook: TestClient[Any], empty: Workspace, sign: Any) -> None:
    headers = sign(msgspec.json.encode(PUSH))
    changed = msgspec.json.encode(PUSH | {"after": "c" * 40})
    assert hook.post("/hooks/git", content=changed, headers=headers).status_code == 403
    assert commits(empty) == []


def test_without_a_signature_nobody_is_heard(hook: TestClient[Any], empty: Workspace) -> None:
    answer = hook.post("/hooks/git", json=PUSH)
    assert (answer.status_code, answer.json()["code"]) == (403, "hook-unsigned")
    assert commits(empty) == []


def test_a_wrong_signature_is_not_helped_by_a_right_one(hook: TestClient[Any]) -> None:
    body = msgspec.json.encode(PUSH)
    headers = as_anybody(body, "another secret") | as_gitlab(body)
    assert hook.post("/hooks/git", content=body, headers=headers).status_code == 403


def test_without_a_secret_on_this_side_nobody_is_heard(
    hook: TestClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRUEUP_SECRET_GIT_HOOK")
    for secret in ("", SECRET):
        body = msgspec.json.encode(PUSH)
        answer = hook.post("/hooks/git", content=body, headers=as_github(body, secret))
        assert (answer.status_code, answer.json()["code"]) == (404, "secret-missing")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ref": "refs/tags/v1"}, "it tells of no push to a branch"),
        ({"ref": ""}, "it tells of no push to a branch"),
        ({"after": "0" * 40}, "the branch is gone"),
    ],
)
def test_what_is_no_new_commit_is_let_go(
    hook: TestClient[Any], empty: Workspace, changes: dict[str, str], why: str
) -> None:
    answer = tell(hook, **changes)
    assert (answer.status_code, answer.json()["is_news"], answer.json()["why"]) == (202, False, why)
    assert commits(empty) == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", b'{"ref": 7}', b'{"ref":"refs/heads/a","after":"x"}']
)
def test_a_body_that_is_no_push_is_refused(hook: TestClient[Any], body: bytes) -> None:
    answer = hook.post("/hooks/git", content=body, headers=as_github(body))
    assert (answer.status_code, answer.json()["code"]) == (400, "hook-malformed")


# --- signatures alone


def test_the_example_of_the_standard_is_understood() -> None:
    """From the tests of the Standard Webhooks libraries."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    at = clock.parse_moment("2021-02-25T15:02:10")
    body = b'{"test": 2432232314}'
    signatures.check(headers, body, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", at)
    two = headers | {"webhook-signature": "v1,AAAA v2,x " + headers["webhook-signature"]}
    signatures.check(two, body, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", at)


def test_the_example_of_github_is_understood() -> None:
    """From GitHub's own page on validating deliveries."""
    headers = {
        "x-hub-signature-256": "sha256="
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    }
    signatures.check(headers, b"Hello, World!", "It's a Secret to Everybody", clock.now())


@given(
    name=st.sampled_from(["webhook-signature", "x-hub-signature-256", "x-gitlab-token"]),
    value=st.text(max_size=80),
    extra=st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp"]), st.text(max_size=30)
    ),
    secret=st.text(min_size=1, max_size=40),
)
def test_no_guess_is_let_in_and_none_is_an_error_of_another_kind(
    name: str, value: str, extra: dict[str, str], secret: str
) -> None:
    if name == "x-gitlab-token" and value == secret:
        return
    with pytest.raises(DeniedError):
        signatures.check(extra | {name: value}, b"{}", secret, clock.now())
