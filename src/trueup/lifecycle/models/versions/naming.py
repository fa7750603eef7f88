"""Which versions of models were made of runs: what keeps a run's files from being forgotten."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from trueup.lifecycle.models import table


def made_of_runs(connection: sa.Connection, runs: Iterable[str]) -> dict[str, list[str]]:
    """The versions that were made of runs, by run."""
    found = {run: [version.ref for version in table.of_run(connection, run)] for run in runs}
    return {run: versions for run, versions in found.items() if versions}
