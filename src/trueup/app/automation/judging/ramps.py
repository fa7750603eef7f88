"""Keeping the evidence of what is tried out up to date with the journal.

All of it can be made anew from the journal, so nothing here has to survive a crash: a restart reads
the ramp again, from the segment on in which it was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trueup.app.automation.judging import totals
from trueup.app.automation.judging.rows import Rows
from trueup.app.automation.judging.totals import Pair
from trueup.lifecycle.models.records import Signature
from trueup.lifecycle.plan.guards import FAILURES, QUANTILES, Guarded
from trueup.lifecycle.releases.judging.evidence import Evidence
from trueup.lifecycle.releases.records import Release
from trueup.lifecycle.serving.journal import reader
from trueup.lifecycle.serving.journal.folder import segments
from trueup.lifecycle.serving.records import Cursor


class Ramps:
    """The evidence of every release that is tried out, folded from the journal as it grows.

    Args:
        journal: The journal's folder.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._known: dict[tuple[str, int], tuple[Rows, Cursor]] = {}

    def evidence(
        self, new: Release, control: Release, guards: tuple[Guarded, ...], signature: Signature
    ) -> Evidence:
        """What is known of a release that is tried out, beside the one that answers otherwise.

        Args:
            new: It is tried out.
            control: The live release.
            guards: Their metrics of labels are computed.
            signature: Of the new release's model.
        """
        rows = self._read(new, signature)
        metrics = [g.metric for g in guards if g.metric not in (*FAILURES, *QUANTILES, "score")]
        pair = Pair(new.number, control.number, metrics, signature.levels)
        return totals.evidence(rows, pair)

    def forget(self, still: set[tuple[str, int]]) -> None:
        """Drop the rows of ramps that have ended."""
        for ended in set(self._known) - still:
            del self._known[ended]

    def _read(self, new: Release, signature: Signature) -> Rows:
        key = (new.deployment, new.number)
        # Out of the books while it reads: what was read in part must not be read again on top.
        rows, cursor = self._known.pop(key, (None, None))
        if rows is None:
            rows = Rows(new.deployment, new.number, _classes(signature))
            cursor = self._before(new)
        for record, after in reader.read(self._journal, cursor):
            rows.add(record)
            cursor = after
        if cursor is not None:
            self._known[key] = (rows, cursor)
        return rows

    def _before(self, new: Release) -> Cursor:
        """Past all segments that were written before the release was asked for."""
        asked_at = new.requested_at.timestamp()
        old = ""
        for segment in segments(self._journal):
            if not segment.sealed or segment.modified_at() >= asked_at:
                break
            old = segment.name
        return Cursor(through=old)


def _classes(signature: Signature) -> Mapping[Any, float]:
    return {answer: float(place) for place, answer in enumerate(signature.classes)}
