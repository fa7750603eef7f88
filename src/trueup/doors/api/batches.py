"""What our own client logged, batch by batch."""

from __future__ import annotations

import msgspec
from litestar import post
from litestar.params import JSONBody

from trueup.doors.api.access import TheActor, TheWorkspace, needs
from trueup.foundation.errors import UsageError
from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking.receiving.records import Received, unpacked


class Packed(Record):
    """The body: a batch as MessagePack, in base 64; JSON knows neither NaN nor infinities."""

    batch: bytes


@post("/batches", opt=needs("runs.write"), sync_to_thread=True, status_code=200)
def receive(workspace: TheWorkspace, actor: TheActor, data: JSONBody[Packed]) -> Received:
    """Keep a batch of a tracked run, which its first one starts. The same again changes nothing."""
    try:
        batch = unpacked(data.batch)
    except msgspec.MsgspecError as error:
        raise UsageError(
            "batch-unreadable",
            f"The batch cannot be read: {error}.",
            hint="trueup runs ship",
        ) from error
    return workspace.receiving.receive(actor, batch)
