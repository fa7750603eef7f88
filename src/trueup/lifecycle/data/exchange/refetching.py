"""Fetching again from a remote what `../upkeep/verifying.py` found to be damaged or missing."""

from __future__ import annotations

from trueup.lifecycle.data.table import Held
from trueup.lifecycle.data.upkeep import verifying
from trueup.ports.blobs import Blobs
from trueup.state.remotes.records import Progress, Transferred
from trueup.state.remotes.remote import Remote


def refetch(
    blobs: Blobs, there: Remote, held: list[Held], progress: Progress
) -> tuple[tuple[str, ...], Transferred]:
    """Fetch what is damaged or missing below versions, as far as the remote has it.

    Returns:
        The digests of what is here again, and what was fetched.
    """
    mended: list[str] = []
    moved = Transferred()
    # A list of files that could not be read may name more that is damaged: look until all is seen.
    while True:
        broken = {each.digest: each.problem for each in verifying.verify(blobs, held).broken}
        had = sorted(there.has(broken.keys() - set(mended)))
        if not had:
            return tuple(mended), moved
        blobs.delete([digest for digest in had if broken[digest] == "damaged"])
        moved = moved.plus(there.pull(blobs, had, progress))
        mended += had
