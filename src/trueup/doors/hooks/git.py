"""`POST /hooks/git`: a repository's host tells of a push, and pipelines that wait for it may run.

The call is proven by its signature alone. The same push again changes nothing.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from litestar import post
from litestar.concurrency import sync_to_thread

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace, signed
from trueup.doors.hooks import signatures
from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import UsageError
from trueup.foundation.records import Record
from trueup.lifecycle.pipeline import secrets

SECRET: Final = "GIT_HOOK"  # noqa: S105 - the name of one
_BRANCH: Final = "refs/heads/"
_HASH: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


class Heard(Record):
    """What became of a call.

    Attributes:
        is_news: Whether it told of a commit that was not known.
        branch: Where the commit is; empty when the call told of something else.
        commit: Its hash.
        why: What was understood, in words.
    """

    is_news: bool
    branch: str = ""
    commit: str = ""
    why: str = ""


class _Person(msgspec.Struct):
    name: str = ""


class _Push(msgspec.Struct):
    """What GitHub, GitLab, Gitea and programs of one's own say of a push, as far as it matters."""

    ref: str = ""
    after: str = ""
    commit: Any = ""
    pusher: _Person | str | None = None
    user_username: str = ""

    @property
    def by(self) -> str:
        """Who pushed, if the call says so."""
        pusher = self.pusher.name if isinstance(self.pusher, _Person) else self.pusher
        return (pusher or self.user_username)[:100]


@post("/hooks/git", opt=signed("runs.write"), status_code=202, include_in_schema=False)
async def git(request: Asked, workspace: TheWorkspace, actor: TheActor) -> Heard:
    """Hear of a push; signed as GitHub, GitLab or Standard Webhooks do it."""
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}
    return await sync_to_thread(hear, workspace, actor, headers, body)


def hear(workspace: Workspace, actor: Actor, headers: dict[str, str], body: bytes) -> Heard:
    """Check a call and note the commit that it tells of.

    Raises:
        NotFoundError: No secret is set, so nobody can prove who they are.
        DeniedError: The call is unsigned, wrongly signed, or stale.
        UsageError: Its body cannot be understood.
    """
    signatures.check(headers, body, secrets.value_of(SECRET, workspace.settings.home), clock.now())
    push = _read(body)
    hash_ = push.after or (push.commit if isinstance(push.commit, str) else "")
    if not push.ref.startswith(_BRANCH):
        return Heard(is_news=False, why="it tells of no push to a branch")
    branch = push.ref.removeprefix(_BRANCH)[:200]
    if not hash_.strip("0"):
        return Heard(is_news=False, branch=branch, why="the branch is gone")
    if not _HASH.fullmatch(hash_):
        raise _malformed(f"'{hash_[:80]}' is no commit")
    why = f"pushed by {push.by}" if push.by else "pushed"
    is_news = workspace.commits.saw(actor, branch, hash_, why=why, told=True)
    said = f"{hash_[:12]} on {branch}, {why}"
    return Heard(
        is_news=is_news,
        branch=branch,
        commit=hash_,
        why=said if is_news else f"{said}: it was known before",
    )


def _read(body: bytes) -> _Push:
    try:
        return msgspec.json.decode(body, type=_Push)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(str(error)) from error


def _malformed(why: str) -> UsageError:
    return UsageError(
        "hook-malformed",
        f"The body of the call cannot be understood: {why}.",
        hint="trueup explain hook-malformed",
    )
