"""One at a time: who collects or repairs a remote says so there, and says again that it lives.

A holder that is not heard of for three minutes gives way, or at once if it ran on this machine and
its process is gone. One that was paused for longer finds its lease lost before it removes anything.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from trueup.foundation import clock, digests
from trueup.foundation.errors import ConflictError, NotFoundError, TrueupError
from trueup.foundation.identifiers import short_id
from trueup.foundation.records import decode, encode
from trueup.state.remotes import envelopes
from trueup.state.remotes.link import Link

PATH: Final = "locks/collect"
LASTS: Final = timedelta(minutes=3)
_EVERY_SECONDS: Final = 30.0


class Holder(msgspec.Struct, frozen=True):
    """Who has a remote to themselves.

    Attributes:
        name: A name of this holding; empty when nobody has it.
        since: Since when.
        heard_at: When it last said that it lives.
        who: The person it acts for.
        work: What it does: `collects` or `repairs`.
        host: Name of the machine, for people.
        machine: The machine and its namespace of processes, for `process`; empty if unknown.
        process: Number of the process.
    """

    name: str
    since: datetime
    heard_at: datetime
    who: str = ""
    work: str = "collects"
    host: str = ""
    machine: str = ""
    process: int = 0

    @property
    def has_it(self) -> bool:
        """Whether the remote is still this holder's."""
        return bool(self.name) and clock.now() < self.heard_at + LASTS and not self._is_dead

    @property
    def _is_dead(self) -> bool:
        if not self.machine or self.machine != _machine() or not self.process:
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass  # it lives, and is somebody else's
        return False


class Lease:
    """A remote that is this process's own for a while."""

    def __init__(self, link: Link, holder: Holder, tag: str) -> None:
        self._link = link
        self._holder = holder
        self._tag: str | None = tag
        self._turn = threading.Lock()
        self._over = threading.Event()

    def require(self) -> None:
        """Renew it: called right before anything is removed.

        Raises:
            ConflictError: Somebody else took over, for nothing was heard of this process.
        """
        with self._turn:
            if self._tag is not None:
                self._holder = msgspec.structs.replace(self._holder, heard_at=clock.now())
                self._tag = _swap(self._link, self._holder, self._tag)
            if self._tag is None:
                raise ConflictError(
                    "lease-lost",
                    f"This process was paused for so long that somebody else took over the remote "
                    f"{self._link.shown}; it removed nothing since.",
                    hint="run the same command again",
                )

    def keep(self) -> None:
        """Renew it now and then, until `end`."""
        while not self._over.wait(_EVERY_SECONDS):
            with suppress(TrueupError):  # a remote that fails now may answer the next time
                self.require()

    def end(self) -> None:
        """Give it back."""
        self._over.set()
        with self._turn:
            if self._tag is not None:
                now = clock.now()
                _swap(self._link, Holder(name="", since=now, heard_at=now), self._tag)


@contextmanager
def alone(link: Link, work: str, who: str = "") -> Iterator[Lease]:
    """Keep others from collecting or repairing meanwhile.

    Raises:
        ConflictError: Somebody does.
    """
    now = clock.now()
    holder = Holder(
        name=short_id(),
        since=now,
        heard_at=now,
        who=who,
        work=work,
        host=os.uname().nodename,
        machine=_machine(),
        process=os.getpid(),
    )
    present, tag = _present(link)
    if present is not None and present.has_it:
        raise _busy(link, present)
    mine = _swap(link, holder, tag)
    if mine is None:
        raise _busy(link, _present(link)[0] or holder)
    lease = Lease(link, holder, mine)
    threading.Thread(target=copy_context().run, args=(lease.keep,), daemon=True).start()
    try:
        yield lease
    finally:
        lease.end()


def _present(link: Link) -> tuple[Holder | None, str]:
    try:
        raw, tag = link.objects.get_tagged(PATH)
    except NotFoundError:
        return None, ""
    try:
        return decode(envelopes.unwrap(raw, PATH), Holder), tag
    except msgspec.MsgspecError:  # of another Trueup: it keeps no lease that this one could judge
        return None, tag


def _swap(link: Link, holder: Holder, tag: str) -> str | None:
    return link.objects.swap(PATH, envelopes.wrap(encode(holder)), tag)


def _busy(link: Link, holder: Holder) -> ConflictError:
    who = f"'{holder.who}'" if holder.who else "Somebody"
    where = f" on {holder.host} (process {holder.process})" if holder.host else ""
    seconds = max(0, round((clock.now() - holder.heard_at).total_seconds()))
    until = holder.heard_at + LASTS
    return ConflictError(
        "remote-collected",
        f"{who} {holder.work} the remote {link.shown}{where} since {holder.since:%H:%M:%S} UTC; "
        f"the last sign of life is {seconds} s old.",
        hint=f"run the same command again after {until:%H:%M:%S} UTC: if that process was killed, "
        "it gives way by then",
        context={"since": holder.since.isoformat(), "until": until.isoformat()},
    )


def _machine() -> str:
    """This machine since it was started, and the processes that can be seen here; empty if unknown.

    Names of hosts are no proof: containers share them.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        space = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    return digests.of_bytes(f"{boot.strip()} {space}".encode())
