"""What is known of an installed distribution."""

from __future__ import annotations

import re

from trueup.foundation.records import Record


class Distribution(Record):
    """One installed distribution.

    Attributes:
        version: Its version.
        origin: Where it was installed from, when not from a package index; without credentials.
        commit: The commit, when it was installed from a repository.
        is_editable: Whether its code is used where it lies.
        requires: Names of the distributions it requires; optional ones are left out.
        modules: Names of the top-level modules it holds.
    """

    version: str
    origin: str = ""
    commit: str = ""
    is_editable: bool = False
    requires: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """What tells two states of it apart: the version, and the commit if there is one."""
        return f"{self.version} at {self.commit[:12]}" if self.commit else self.version


def normal(name: str) -> str:
    """The name by which a distribution is known, however it is written."""
    return re.sub(r"[-_.]+", "-", name).lower()
