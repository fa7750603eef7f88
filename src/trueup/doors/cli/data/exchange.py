"""`trueup data push`, `pull` and `remotes`: versions of data go to a remote and come from one."""

from __future__ import annotations

import time
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.doors.cli.terminal.progress import Counting
from trueup.foundation.errors import BackendError, UsageError
from trueup.foundation.records import builtins
from trueup.foundation.text import plural, seconds, size

if TYPE_CHECKING:  # loaded by the verbs: `trueup data status` needs none of it
    from trueup.lifecycle.data.exchange.service import Pulled
    from trueup.state.remotes.records import Collected, Repaired, Transferred

_MOST_SHOWN = 50
_LEAST_SECONDS = 0.05  # a rate over less than that says nothing

remote_option = click.option(
    "--remote", default="", metavar="NAME", help="A remote of trueup.toml; by default the only one."
)


class _Moving:
    """Tells how far a transfer is, and how long it took."""

    def __init__(self, verb: str) -> None:
        self._counting = Counting(verb)
        self._since = time.monotonic()
        self._blobs = self._size = 0

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return max(time.monotonic() - self._since, _LEAST_SECONDS)

    def tell(self, blobs: int, bytes_: int) -> None:
        """Count what is done more."""
        self._blobs += blobs
        self._size += bytes_
        self._counting.tell(self._blobs, self._size, f"{size(int(self._size / self.elapsed))}/s")

    def __enter__(self) -> Self:
        self._counting.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._counting.__exit__(kind, error, trace)


@click.command(cls=Command, example="trueup data push images")
@click.argument("names", nargs=-1, metavar="[DATASET]...")
@remote_option
@click.option("--whole", is_flag=True, help="Send again what got lost there, too.")
@click.option("--repair", is_flag=True, help="Read all that is there, and mend what is damaged.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send nothing.")
@output.as_option
@output.json_option
def push(
    names: tuple[str, ...],
    remote: str,
    whole: bool,
    repair: bool,
    dry_run: bool,
    speaker: str,
    as_json: bool,
) -> None:
    """Send versions and branches of datasets to a remote; only what it lacks travels.

    Whatever stops it, the same command goes on where it was.
    """
    wanted = [of_kind(name, "data") for name in names]
    for reference in wanted:
        if reference.selector:
            raise UsageError(
                "command-line",
                "A push sends whole branches, with all versions that they come from.",
                hint=f"trueup data push {reference.name}",
            )
    with output.here() as workspace, _Moving("sent") as moving:
        done = workspace.exchange.push(
            workspace.speaking_as(speaker),
            [reference.name for reference in wanted],
            remote,
            whole=whole,
            repair=repair,
            dry_run=dry_run,
            progress=moving.tell,
        )
    if as_json:
        output.emit_json(done)
        return
    if done.repaired is not None:
        _show_repaired(done.repaired)
    if not done.branches and not done.moved.blobs:
        output.show(f"{done.remote} has everything already")
    elif dry_run:
        lines = [(branch, ref) for branch, ref in done.branches.items()]
        output.table(("branch", "would be at"), lines)
        output.show(
            f"at most {size(done.moved.size)} in {plural(done.moved.blobs, 'blob')} would be sent"
        )
    else:
        if done.branches:
            output.table(("branch", "is at"), list(done.branches.items()))
        output.show(f"{_told(done.moved, moving.elapsed)} to {done.remote}")
    if repair:
        output.next_step(f"trueup data verify --remote {done.remote}")
    else:
        output.next_step("trueup data push" if dry_run and done.branches else "trueup data remotes")


@click.command(cls=Command, example="trueup data pull images@3")
@click.argument("references", nargs=-1, metavar="[DATASET[@VERSION]]...")
@remote_option
@click.option("--repair", is_flag=True, help="Read all that is here; fetch what is damaged, too.")
@output.as_option
@output.json_option
def pull(
    references: tuple[str, ...], remote: str, repair: bool, speaker: str, as_json: bool
) -> None:
    """Learn all versions of datasets from a remote, and fetch the newest ones or those named.

    Versions have numbers of their own in each project; a version that another project numbers
    otherwise is told of. Whatever stops it, the same command goes on where it was.
    """
    wanted = [of_kind(reference, "data") for reference in references]
    with output.here() as workspace, _Moving("fetched") as moving:
        actor = workspace.speaking_as(speaker)
        done = workspace.exchange.pull(actor, wanted, remote, repair=repair, progress=moving.tell)
    if as_json:
        output.emit_json(done)
        return
    _show(done)
    if repair:
        output.show(f"{plural(len(done.repaired), 'damaged or missing blob')} mended")
    output.show(f"{_told(done.moved, moving.elapsed)} from {done.remote}")
    apart = [each for received in done.received for each in received.apart]
    if apart:
        dataset = apart[0].branch.removeprefix("data:").partition("@")[0]
        output.next_step(f"trueup data merge {dataset} {apart[0].there.rpartition('@')[2]}")
    elif done.fetched:
        output.next_step(f"trueup data checkout {done.fetched[-1].removeprefix('data:')}")
    else:
        output.next_step("trueup data list")


@click.command(cls=Command, example="trueup data remotes")
@output.json_option
def remotes(as_json: bool) -> None:
    """List the remotes of the project, and whether each can be reached."""
    with output.here() as workspace:
        found = workspace.exchange.remotes(workspace.owner)
    if as_json:
        output.emit_json(found)
        return
    if not found:
        output.say("The project has no remote.")
        output.next_step("trueup explain remote-unknown")
        return
    output.table(
        ("remote", "url", "datasets", "is"),
        [(each.name, each.url, each.datasets, each.problem or "✓ reached") for each in found],
    )
    output.next_step("trueup data push")


def verify_remote(remote: str, *, as_json: bool) -> None:
    """What `trueup data verify --remote` does.

    Raises:
        BackendError: Something there is damaged or missing.
    """
    with output.here() as workspace, _Moving("read") as moving:
        found = workspace.tending.verify(workspace.owner, remote, moving.tell)
    if found:
        if not as_json:
            rows = [(each.object, each.problem, each.files[:3]) for each in found[:_MOST_SHOWN]]
            output.table(("object", "problem", "files"), rows)
        raise BackendError(
            "remote-damaged",
            f"{plural(len(found), 'object')} of the remote {remote} cannot be trusted; the first "
            f"is {found[0].object}: {found[0].problem}.",
            hint=f"trueup data push --repair --remote {remote}   (where the data is)",
            context={"wrong": [builtins(each) for each in found[:1000]]},
        )
    if as_json:
        output.emit_json(found)
        return
    output.show(f"✓ {remote}: all as it was written")
    output.next_step(f"trueup data gc --remote {remote}")


def collect_remote(
    remote: str, grace: timedelta, speaker: str, *, dry_run: bool, as_json: bool
) -> None:
    """What `trueup data gc --remote` does."""
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        done = workspace.tending.collect(actor, remote, dry_run=dry_run, grace=grace)
    if as_json:
        output.emit_json(done)
        return
    _show_collected(done, dry_run=dry_run)
    if dry_run and (done.marked or done.removed):
        output.next_step(f"trueup data gc --remote {remote} --yes")
    else:
        output.next_step(f"trueup data verify --remote {remote}")


def _show(done: Pulled) -> None:
    for received in done.received:
        renumbered = [
            (each.ref, f"@{each.there} there")
            for each in received.versions
            if int(each.ref.rpartition("@")[2]) != each.there
        ]
        output.say("{}: {} new here.", received.dataset, plural(len(received.versions), "version"))
        if renumbered:
            output.table(("version", "is numbered"), renumbered[:_MOST_SHOWN])
        if received.moved:
            output.table(("branch", "is at"), list(received.moved.items()))
        for apart in received.apart:
            output.say(
                "{} went apart: here it is at {}, there at {}.",
                apart.branch,
                apart.here,
                apart.there,
            )


def _show_repaired(done: Repaired) -> None:
    for path in done.objects[:_MOST_SHOWN]:
        output.show(f"{path}  was damaged or missing, and is named no more")
    if len(done.objects) > _MOST_SHOWN:
        output.show(f"and {plural(len(done.objects) - _MOST_SHOWN, 'more object')}")
    if done.saved:
        output.show(f"{plural(done.saved, 'whole blob')} in damaged packs saved")
    for path in done.left:
        output.say("{} is damaged; only a project that has this branch can mend it.", path)
    if not done.objects and not done.left:
        output.show("nothing is damaged there")


def _show_collected(done: Collected, *, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    output.show(
        f"{plural(done.removed, 'pack')} {would}removed, {size(done.freed)}; "
        f"{plural(done.marked, 'pack')} {would}marked; {size(done.live)} needed"
    )
    if done.due is not None:
        output.say("{} wait until {} UTC.", size(done.waiting), f"{done.due:%Y-%m-%d %H:%M}")


def _told(moved: Transferred, elapsed: float) -> str:
    if not moved.blobs:
        return "nothing had to travel"
    return (
        f"{plural(moved.blobs, 'blob')}, {size(moved.size)} ({size(moved.moved)} travelled) "
        f"in {seconds(elapsed)}, {size(int(moved.size / elapsed))}/s"
    )
