"""Writing down what a remote knows: versions get numbers here, branches move forward.

A branch that went its own way here and there stays as it is; what is new there is kept as versions
that can be merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError, TrueupError
from trueup.foundation.records import Record
from trueup.foundation.references import check_name
from trueup.lifecycle.data import rules, table
from trueup.lifecycle.data.branching import merging
from trueup.lifecycle.data.exchange import published
from trueup.lifecycle.data.exchange.published import Head, VersionRecord
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.worktree import tree
from trueup.state.unit import State, Unit


class Arrival(Record):
    """A version that is new here.

    Attributes:
        ref: What it is called here.
        there: Its number where it was made.
    """

    ref: str
    there: int


class Apart(Record):
    """A branch that has versions here and others in the remote.

    Attributes:
        branch: The branch, such as `data:flights@main`.
        here: Its newest version here.
        there: The newest version in the remote, as it is called here.
    """

    branch: str
    here: str
    there: str


class Received(Record):
    """What became of one dataset.

    Attributes:
        dataset: Its name.
        versions: The versions that are new here.
        moved: The branches that are new or moved, and their newest versions.
        apart: The branches that went apart.
    """

    dataset: str
    versions: tuple[Arrival, ...]
    moved: dict[str, str]
    apart: tuple[Apart, ...]

    @property
    def is_news(self) -> bool:
        """Whether anything changed here, or should."""
        return bool(self.versions or self.moved or self.apart)


def receive(
    state: State,
    actor: Actor,
    root: Path,
    dataset: str,
    heads: Mapping[str, Head],
    records: Mapping[str, VersionRecord],
) -> Received:
    """Write down what is new.

    Args:
        state: Where.
        actor: Who pulls.
        root: The project's folder.
        dataset: The dataset.
        heads: The branches of the remote.
        records: The records that nobody here had, by digest.

    Raises:
        BackendError: The remote says what cannot be.
    """
    for digest, record in records.items():
        _check(root, dataset, digest, record)
    with state.write(actor, "data.write") as unit:
        versions = {each.version: each for each in table.versions(unit.connection, dataset)}
        known = table.records(unit.connection, dataset)
        numbers = {
            digest: number
            for number, (digest, _) in published.records_of(versions.values(), known).items()
        }
        arrived = []
        for digest, record in published.in_order(records):
            if digest in numbers:
                continue  # another process pulled it meanwhile
            parents = tuple(numbers[parent] for parent in record.parents)
            same = _same(versions, known, record, parents)
            if same:
                numbers[digest] = same
                table.note_record(unit.connection, dataset, same, digest, is_held=True)
                known[same] = digest
                continue
            number = published.number_for(record, parents, set(versions))
            versions[number] = published.version_of(record, number, parents)
            numbers[digest] = number
            table.insert(unit.connection, versions[number])
            table.note_record(unit.connection, dataset, number, digest, is_held=False)
            arrived.append(Arrival(ref=versions[number].ref, there=record.number))
            unit.emit(
                "data.version-received",
                versions[number].ref,
                after=record.digest,
                why=record.message,
                data={"record": digest, "number_there": record.number, "by": record.taken_by},
            )
        return _move(unit, dataset, heads, versions, numbers, tuple(arrived))


def _same(
    versions: Mapping[int, DatasetVersion],
    known: Mapping[int, str],
    record: VersionRecord,
    parents: tuple[int, ...],
) -> int:
    """The version here that two people made of the same files on the same parents; 0 for none."""
    return next(
        (
            number
            for number, version in versions.items()
            if number not in known
            and version.digest == record.digest
            and version.parents == parents
        ),
        0,
    )


def _move(
    unit: Unit,
    dataset: str,
    heads: Mapping[str, Head],
    versions: Mapping[int, DatasetVersion],
    numbers: Mapping[str, int],
    arrived: tuple[Arrival, ...],
) -> Received:
    """Bring branches forward where that loses nothing."""
    parents = {number: version.parents for number, version in versions.items()}
    here = {each.branch: each.version for each in table.branches(unit.connection, dataset)}
    moved: dict[str, str] = {}
    apart: list[Apart] = []
    for branch, head in sorted(heads.items()):
        there, mine = numbers[head.record], here.get(branch, 0)
        subject = f"data:{dataset}@{branch}"
        if mine in merging.ancestors(parents, there) or not mine:
            if mine != there:
                table.point(unit.connection, dataset, branch, there)
                before = versions[mine].ref if mine else ""
                unit.emit("data.branch-moved", subject, before=before, after=versions[there].ref)
                moved[subject] = versions[there].ref
        elif there not in merging.ancestors(parents, mine):
            apart.append(Apart(branch=subject, here=versions[mine].ref, there=versions[there].ref))
    return Received(dataset=dataset, versions=arrived, moved=moved, apart=tuple(apart))


def _check(root: Path, dataset: str, digest: str, record: VersionRecord) -> None:
    """Refuse a record that is not of this dataset, or that leads out of the project."""
    try:
        check_name(record.dataset, "dataset")
        rules.check_branch(record.branch)
        tree.inside(root, record.path, record.dataset)
        why = "" if record.dataset == dataset else f"it is of dataset '{record.dataset}'"
    except TrueupError as error:
        why = error.message
    if why or record.number < 1:
        raise BackendError(
            "remote-damaged",
            f"The remote has the version {digest[:15]} of '{dataset}', which cannot be: {why}",
            hint="trueup data verify --remote NAME",
        )
