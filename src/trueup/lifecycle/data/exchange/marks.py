"""Marks in a remote: versions that were forgotten there, or before their bytes ever came there.

Their records are part of the history and stay; a mark says why nothing lies below them, so that
nobody looks for it and a collector does not keep it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from trueup.foundation import digests
from trueup.foundation.errors import BackendError, NotFoundError
from trueup.foundation.records import decode, encode
from trueup.lifecycle.data.records import Forgotten
from trueup.state.remotes.remote import Remote

KIND: Final = "forgotten"


def put(there: Remote, record: str, gone: Forgotten) -> None:
    """Say of a version, named by the digest of its record, that its bytes are not needed."""
    there.put_record(KIND, _name(gone.dataset, record), encode(gone))


def marked(there: Remote, dataset: str = "") -> set[str]:
    """The digests of the records of all versions that have a mark, or of one dataset's."""
    names = there.list_records(KIND, dataset)
    return {digests.PREFIX + name.rpartition("/")[2] for name in names}


def take_away(there: Remote, dataset: str, records: Iterable[str]) -> None:
    """The bytes of these versions are there now."""
    there.delete_records(KIND, [_name(dataset, record) for record in records])


def lacking(there: Remote, shown: str, record: str, dataset: str) -> NotFoundError | None:
    """The error for a version whose bytes the remote need not have; None if it has no mark."""
    held = there.get_record(KIND, _name(dataset, record))
    if held is None:
        return None
    try:
        gone = decode(held.raw, Forgotten)
    except msgspec.MsgspecError as error:
        raise BackendError(
            "remote-damaged",
            f"The mark of {shown} in the remote says nothing that this Trueup understands.",
            hint="pip install --upgrade trueup",
        ) from error
    return NotFoundError(
        "version-forgotten",
        f"This remote has no bytes of {shown}: it was forgotten on {gone.told}.",
        hint=f"trueup data push {dataset} --whole   (in a project that still has its bytes)",
    )


def _name(dataset: str, record: str) -> str:
    return f"{dataset}/{record.removeprefix(digests.PREFIX)}"
