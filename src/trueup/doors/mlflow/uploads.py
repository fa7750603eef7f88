"""Endpoints of files that are sent in parts: MLflow's multipart protocol.

The addresses of parts are this server's own. A client sends them without signing in, as it would
to a cloud's store, so each carries the token of its upload.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

from trueup.doors.mlflow import layouts
from trueup.doors.mlflow.answers import JSON, Reply
from trueup.doors.mlflow.artifacts import joined
from trueup.doors.mlflow.asking import Call, invalid

_TOKEN = "x-trueup-upload"  # noqa: S105 (a header's name)


def create(call: Call) -> dict[str, Any]:
    """Begin; the answer says where each part goes."""
    name = call.filled("path").rpartition("/")[2]
    parts = call.whole("num_parts", 1)
    path = joined(call.path["path"], name)
    layouts.check_writable(path)
    begun = call.workspace.uploads.begin(call.actor, path, parts)
    server = f"{call.headers.get('x-forwarded-proto', 'http')}://{call.headers.get('host', '')}"
    return {
        "upload_id": begun.id,
        "credentials": [
            {
                "url": f"{server}/api/2.0/mlflow-artifacts/parts/{begun.id}/{number}",
                "part_number": number,
                "headers": {_TOKEN: begun.token},
            }
            for number in range(1, parts + 1)
        ],
    }


async def part(call: Call, body: AsyncIterator[bytes]) -> Reply:
    """Take one part in."""
    number = call.path["number"]
    if not number.isdecimal() or len(number) > 5:
        raise invalid("part_number", number)
    token = call.headers.get(_TOKEN, "")
    receiving = call.workspace.uploads.part(call.path["upload"], int(number), token)
    file = await asyncio.to_thread(receiving.__enter__)
    try:
        async for piece in body:
            await asyncio.to_thread(file.write, piece)
    except BaseException:
        await asyncio.to_thread(receiving.__exit__, *sys.exc_info())
        raise
    await asyncio.to_thread(receiving.__exit__, None, None, None)
    return Reply(200, b"{}", (JSON, (b"etag", file.tag.encode())))


def arrived(call: Call) -> dict[str, Any]:
    """Which parts came: a client that was cut off sends the others."""
    found = call.workspace.uploads.arrived(call.actor, call.path["upload"])
    return {"parts": [{"part_number": n, "etag": tag} for n, tag in sorted(found.items())]}


def complete(call: Call) -> dict[str, Any]:
    """Put the parts together."""
    tags = {each.whole("part_number"): each.text("etag") for each in call.objects("parts")}
    plain = {number: tag.strip('"') for number, tag in tags.items()}
    call.workspace.uploads.finish(call.actor, call.filled("upload_id"), plain)
    return {}


def abort(call: Call) -> dict[str, Any]:
    """Forget what came."""
    call.workspace.uploads.drop(call.actor, call.filled("upload_id"))
    return {}
