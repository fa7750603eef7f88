"""`trueup rollback`: the short way to `trueup release rollback`."""

from __future__ import annotations

from trueup.doors.cli.release.emergencies import rollback as command

__all__ = ["command"]
