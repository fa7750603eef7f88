"""Fixtures that all tests share: real state on a small SQLite file, and people with roles.

"no such table"? A `table.py` changed: run `make migration`.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side: more threads only wait

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from trueup.backends.blobs.local import Backend as LocalBlobs
from trueup.backends.keys.file import Backend as FileKey
from trueup.foundation.actor import Actor, service
from trueup.people.access import guard
from trueup.people.service import People, set_team
from trueup.state.database import Database
from trueup.state.unit import State
from trueup.testing.postgresql_server import PostgresqlServer, programs
from trueup.testing.s3_server import S3Server

from . import rights

# Examples are the same in every run, so that a failure here is a failure everywhere.
settings.register_profile("trueup", deadline=None, derandomize=True, database=None)
settings.load_profile("trueup")

# A shell lets what it starts in the background ignore Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What takes longest comes first, each line on another worker as long as there are any.
LONG = (
    "tests/demo/test_interrupted.py",
    "tests/doors/mlflow/clients/test_clients.py",
    "tests/doors/mlflow/clients/",
    "tests/demo/",
    "tests/lifecycle/monitoring/test_simulation.py",
    "tests/app/running/",
    "tests/app/reproduction/",
)

TEAM = {
    "sam": ("scientist",),
    "sasha": ("scientist",),
    "rita": ("reviewer",),
    "omar": ("operator",),
    "vera": ("viewer",),
}


def open_state(home: Path) -> State:
    """State kept in a folder, wired as the application does it."""
    return State(
        Database(os.environ.get("TRUEUP_DATABASE") or f"sqlite:///{home / 'trueup.db'}"),
        LocalBlobs(f"local://{home / 'blobs'}"),
        FileKey(f"file://{home / 'keys' / 'signing.key'}"),
        guard,
    )


@pytest.fixture(scope="session")
def _founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an owner and a team, made once: migrating takes longer than copying."""
    home = tmp_path_factory.mktemp("founded")
    _found(home)
    return home


def _found(home: Path) -> None:
    state = open_state(home)
    founder = People(state).found("olga")
    with state.write(founder, "people.write") as unit:
        set_team(unit, {"olga": ("owner",), **TEAM})
    state.close()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A real PostgreSQL server."""
    pytest.importorskip("psycopg")
    if programs() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with PostgresqlServer() as server:
        yield server


@pytest.fixture(scope="session")
def _founded_postgresql(
    postgresql_server: PostgresqlServer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """The same as `_founded`, in PostgreSQL: a database that others are copied from."""
    home = tmp_path_factory.mktemp("founded-postgresql")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRUEUP_DATABASE", postgresql_server.new_database())
        _found(home)
        return home, os.environ["TRUEUP_DATABASE"]


@pytest.fixture
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of this test; its database stands elsewhere in tests over PostgreSQL."""
    if getattr(request, "param", "sqlite") == "sqlite":
        founded = request.getfixturevalue("_founded")
        return shutil.copytree(founded, tmp_path / ".trueup")
    founded, template = request.getfixturevalue("_founded_postgresql")
    server = request.getfixturevalue("postgresql_server")
    monkeypatch.setenv("TRUEUP_DATABASE", server.new_database(template))
    return shutil.copytree(founded, tmp_path / ".trueup")


def pytest_xdist_auto_num_workers() -> int | None:
    """Three workers for two cores: a third of the time a test waits for processes and disks."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    can_ask = hasattr(os, "sched_getaffinity")
    return (len(os.sched_getaffinity(0)) if can_ask else os.cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every worker begins with something of what takes longest, so that none waits at the end.

    Workers begin with equal parts of the list (`--dist worksteal`), and take over from the end of
    each other's parts.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    left = list(items)
    queues: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for number, prefix in enumerate(LONG):
        queues[number % workers] += [item for item in left if item.nodeid.startswith(prefix)]
        left = [item for item in left if not item.nodeid.startswith(prefix)]
    items.clear()
    for number, queue in enumerate(queues):
        later = sum(len(other) for other in queues[number + 1 :])
        short = (len(left) + len(queue) + later) // (workers - number) - len(queue)
        items += queue + left[: max(short, 0)]
        del left[: max(short, 0)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of what stands in the database run over each that their module names."""
    databases = getattr(metafunc.module, "DATABASES", None)
    if databases and "home" in metafunc.fixturenames:
        metafunc.parametrize("home", databases, indirect=True)


@pytest.fixture
def state(home: Path) -> Iterator[State]:
    """Real state: a migrated database, blobs in files, a signing key, the guard of `people`."""
    opened = open_state(home)
    yield opened
    opened.close()


@pytest.fixture
def new_state(tmp_path: Path) -> Iterator[Callable[[], State]]:
    """Opens the same empty folder, as often as asked: each call is another process's view."""
    opened: list[State] = []

    def opener() -> State:
        opened.append(open_state(tmp_path / "new"))
        return opened[-1]

    yield opener
    for each in opened:
        each.close()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 server in this process."""
    with S3Server() as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty bucket, and an environment in which it can be reached."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.new_bucket()


@pytest.fixture
def rights_of_a_user() -> Iterator[None]:
    """Permissions hold for this test, whoever runs it."""
    with rights.of_a_user():
        yield


@pytest.fixture
def owner() -> Actor:
    """The founder, who may do everything."""
    return Actor(name="olga")


@pytest.fixture
def scientist() -> Actor:
    """Makes data, runs and models, and asks for releases."""
    return Actor(name="sam")


@pytest.fixture
def other_scientist() -> Actor:
    """A colleague of `scientist`."""
    return Actor(name="sasha")


@pytest.fixture
def reviewer() -> Actor:
    """Answers approvals."""
    return Actor(name="rita")


@pytest.fixture
def operator() -> Actor:
    """Operates releases and handles alerts."""
    return Actor(name="omar")


@pytest.fixture
def viewer() -> Actor:
    """May read."""
    return Actor(name="vera")


@pytest.fixture
def stranger() -> Actor:
    """Nobody knows them."""
    return Actor(name="mallory")


@pytest.fixture
def automation() -> Actor:
    """The part of Trueup that reacts to events."""
    return service("automation")
