"""Importing from MLflow: everything comes over with its identifiers, once, and is counted.

The sources were made by real MLflow 2.22 and 3.17 (`mlflow_sources/make_sources.py`) in a folder
that is not on this machine, as if they had been copied here.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from trueup.app.imports.mlflow import Imported, import_mlflow, open_source
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation import digests
from trueup.foundation.errors import NotFoundError, TrueupError, UsageError
from trueup.lifecycle.runs.tracking.imports.records import Counts, Owner
from trueup.lifecycle.runs.tracking.imports.source import Unreachable

SOURCES = Path(__file__).with_name("mlflow_sources")
PLAN = '[project]\nname = "importing"\nobjective = "Take over what was"\n'
KINDS = ("database-3.17", "database-2.22", "folder-3.17", "folder-2.22")
WHOLE = Counts(
    experiments=3,
    experiment_tags=1,
    runs=4,
    params=3,
    tags=14,
    points=9,
    datasets=1,
    used_models=1,
    files=6,
    bytes=6644,
    logged_models=1,
    model_words=7,
    model_points=3,
    names=1,
    name_tags=1,
    versions=1,
    version_tags=1,
    aliases=1,
    stages=1,
)


@pytest.fixture
def workspace(home: Path) -> Iterator[Workspace]:
    """A project that knows nothing yet."""
    (home.parent / "trueup.toml").write_text(PLAN)
    with open_workspace(home.parent) as opened:
        opened.__dict__["owner"] = opened.people.found("olga")
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a project of this account, which other processes can open."""
    place = tmp_path / "own"
    place.mkdir()
    (place / "trueup.toml").write_text(PLAN)
    return place


def unpacked(kind: str, place: Path) -> str:
    """The URI of a source of this kind, below a place."""
    with tarfile.open(SOURCES / f"{kind}.tar.gz") as archive:
        archive.extractall(place, filter="data")
    return f"sqlite:///{place}/mlflow.db" if kind.startswith("database") else f"{place}/mlruns"


def taken(workspace: Workspace, uri: str, **options: object) -> Imported:
    """What an import did."""
    with open_source(uri) as source:
        return import_mlflow(workspace, workspace.owner, source, **options)  # type: ignore[arg-type]


def one_run(workspace: Workspace) -> str:
    """The identifier of the run that was called `one`."""
    with workspace.state.read(workspace.owner) as connection:
        query = "SELECT id FROM tracked_runs WHERE name = 'one'"
        found: str = connection.exec_driver_sql(query).scalar_one()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_everything_comes_over_and_is_counted(
    workspace: Workspace, tmp_path: Path, kind: str
) -> None:
    done = taken(workspace, unpacked(kind, tmp_path / "there"))
    assert done.not_taken == ()
    assert done.here == done.there
    assert done.lacking == ()
    run = workspace.tracking.show(workspace.owner, one_run(workspace))
    assert run.params == {"lr": "0.1", "a/b": "1", "c": "x\ny"}
    assert run.user == "ada"
    assert [(point.step, point.value) for point in history(workspace, run.id)] == [
        (step, 1 / (step + 1)) for step in range(5)
    ]
    assert [dataset.name for dataset in run.datasets] == ["zeros"]
    note = workspace.files.content(workspace.owner, f"{run.artifacts[17:].strip('/')}/notes/a.txt")
    assert b"".join(note.pieces()) == b"hello"
    version = workspace.aliases.find(workspace.owner, "flights", "best")
    assert (version.version, version.stage, version.tags) == (1, "Staging", {"kk": "vv"})
    assert version.location.startswith("mlflow-artifacts:/")
    files = workspace.files.below(workspace.owner, version.location[17:].strip("/"))
    assert "MLmodel" in {path for path, _ in files}


def history(workspace: Workspace, run: str) -> list[object]:
    """The points of the metric `loss`."""
    return list(workspace.tracking.history(workspace.owner, run, "loss", 100))


def test_the_counts_are_what_was_logged(workspace: Workspace, tmp_path: Path) -> None:
    assert taken(workspace, unpacked("database-3.17", tmp_path / "there")).here == WHOLE


def test_deleted_experiments_and_runs_stay_deleted(workspace: Workspace, tmp_path: Path) -> None:
    taken(workspace, unpacked("folder-3.17", tmp_path / "there"))
    assert workspace.tracking.experiment_named(workspace.owner, "gone").life == "deleted"
    with workspace.state.read(workspace.owner) as connection:
        query = "SELECT life FROM tracked_runs ORDER BY life"
        lives = connection.exec_driver_sql(query).scalars().all()
    assert lives == ["active", "active", "deleted", "deleted"]


@pytest.mark.parametrize("kind", KINDS[:3:2])
def test_a_second_import_doubles_nothing(workspace: Workspace, tmp_path: Path, kind: str) -> None:
    uri = unpacked(kind, tmp_path / "there")
    first = taken(workspace, uri)
    second = taken(workspace, uri)
    assert second.as_before == 4
    assert (second.there, second.here) == (first.there, first.here)


def test_a_later_import_takes_what_is_new(workspace: Workspace, tmp_path: Path) -> None:
    uri = unpacked("database-3.17", tmp_path / "there")
    taken(workspace, uri)
    run = one_run(workspace)
    with sqlite3.connect(tmp_path / "there" / "mlflow.db") as database:
        database.execute("INSERT INTO metrics VALUES ('loss', 9.0, 99, ?, 9, 0)", (run,))
    database.close()
    later = taken(workspace, uri)
    assert later.as_before == 3
    assert later.here == msgspec.structs.replace(WHOLE, points=WHOLE.points + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_source_is_only_read(workspace: Workspace, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "there"
    uri = unpacked(kind, place)
    before = contents(place)
    taken(workspace, uri)
    assert contents(place) == before


def contents(place: Path) -> dict[str, tuple[str, int]]:
    """Digest and time of change of every file."""
    return {
        str(path): (digests.of_file(path), path.stat().st_mtime_ns)
        for path in place.rglob("*")
        if path.is_file()
    }


def test_a_dry_run_counts_and_takes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    done = taken(workspace, unpacked("database-3.17", tmp_path / "there"), is_dry=True)
    assert done.there == WHOLE
    assert done.here is None
    with workspace.state.read(workspace.owner) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM tracked_runs").scalar() == 0


def test_one_experiment_alone(workspace: Workspace, tmp_path: Path) -> None:
    uri = unpacked("database-3.17", tmp_path / "there")
    done = taken(workspace, uri, experiment="first")
    assert done.here is not None
    assert (done.here.experiments, done.here.runs, done.here.names) == (1, 3, 0)
    with pytest.raises(NotFoundError, match="no experiment 'fist'"):
        taken(workspace, uri, experiment="fist")


def test_runs_without_an_experiment_still_start_after_one_was_taken_alone(
    workspace: Workspace, tmp_path: Path
) -> None:
    taken(workspace, unpacked("database-3.17", tmp_path / "there"), experiment="first")
    assert workspace.tracking.start(workspace.owner).experiment == 0


def test_an_experiment_of_a_known_name_takes_the_runs(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("other", "first"):
        workspace.tracking.create_experiment(workspace.owner, name)
    done = taken(workspace, unpacked("database-3.17", tmp_path / "there"))
    assert done.lacking == ()
    run = workspace.tracking.show(workspace.owner, one_run(workspace))
    first = workspace.tracking.experiment_named(workspace.owner, "first")
    assert run.experiment == first.number != 1


def test_a_protected_alias_stays_behind_without_evidence(
    workspace: Workspace, tmp_path: Path
) -> None:
    uri = unpacked("database-3.17", tmp_path / "there")
    with sqlite3.connect(tmp_path / "there" / "mlflow.db") as database:
        database.execute("UPDATE registered_model_aliases SET alias = 'champion'")
    database.close()
    done = taken(workspace, uri)
    assert [each.what for each in done.not_taken] == ["alias champion of flights@1"]
    assert workspace.registry.show(workspace.owner, "flights").aliases == {}


def test_a_model_of_the_same_name_is_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    workspace.registry.create(workspace.owner, "flights")
    done = taken(workspace, unpacked("database-3.17", tmp_path / "there"))
    assert [each.what for each in done.not_taken] == ["model flights"]
    assert workspace.registry.show(workspace.owner, "flights").latest == ()


def test_numbers_of_versions_are_kept_where_some_are_missing(
    workspace: Workspace, tmp_path: Path
) -> None:
    uri = unpacked("database-3.17", tmp_path / "there")
    with sqlite3.connect(tmp_path / "there" / "mlflow.db") as database:
        for table in ("model_versions", "model_version_tags", "registered_model_aliases"):
            database.execute(f"UPDATE {table} SET version = 7")
    database.close()
    assert taken(workspace, uri).lacking == ()
    assert workspace.versions.show(workspace.owner, "flights", 7).version == 7


@pytest.mark.parametrize("way", ["path", "link", "uri"])
def test_a_database_cannot_make_it_read_other_files(
    workspace: Workspace, tmp_path: Path, way: str
) -> None:
    secret = tmp_path / "private"
    secret.mkdir()
    (secret / "key.txt").write_text("secret")
    there = tmp_path / "there"
    uri = unpacked("database-3.17", there)
    place = str(secret)
    if way == "link":
        place = str(there / "mlruns" / "1" / "link")
        Path(place).symlink_to(secret)
    if way == "uri":
        place = "mlflow-artifacts:/../../private"
    with sqlite3.connect(there / "mlflow.db") as database:
        database.execute("UPDATE runs SET artifact_uri = ?, run_uuid = run_uuid", (place,))
    database.close()
    done = taken(workspace, uri)
    found = workspace.files.below(workspace.owner, "")
    assert not [path for path, _ in found if path.endswith("key.txt")]
    if way != "uri":
        assert {each.why.partition(":")[0][-21:] for each in done.not_taken} == {
            "outside of the source"
        }


def test_files_that_lead_out_of_their_folder_are_not_read(tmp_path: Path) -> None:
    there = tmp_path / "there"
    uri = unpacked("database-3.17", there)
    folder = next((there / "mlruns").rglob("notes")).parent
    (tmp_path / "key.txt").write_text("secret")
    (folder / "key.txt").symlink_to(tmp_path / "key.txt")
    with open_source(uri) as source:
        owner = Owner("run", folder.parent.name, "1", str(folder))
        assert "key.txt" not in {file.path for file in source.files(owner)}
        for path in ("key.txt", "../meta.yaml", "../../../../key.txt"):
            with pytest.raises(Unreachable):
                source.read(owner, path)


def test_what_is_no_source_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    sqlite3.connect(empty).close()
    empty.touch()
    (tmp_path / "text.db").write_text("no database at all, only words")
    cases: list[tuple[str, type[TrueupError]]] = [
        (f"sqlite:///{tmp_path}/none.db", NotFoundError),
        (f"sqlite:///{empty}", UsageError),
        (f"sqlite:///{tmp_path}/text.db", TrueupError),
        (str(tmp_path), UsageError),
        ("postgresql://db/mlflow", UsageError),
    ]
    for uri, kind in cases:
        with pytest.raises(kind):
            open_source(uri)


KILLED = """
import os, signal, sys
from pathlib import Path
from trueup.app.imports.mlflow import import_mlflow, open_source
from trueup.app.wiring import open_workspace
from trueup.lifecycle.runs.tracking.imports.service import Imports

left = int(sys.argv[3])
def counted(verb):
    def call(*given, **more):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return verb(*given, **more)
    return call

for name in ("take_experiment", "take_runs", "take_models", "take_files", "finish_files"):
    setattr(Imports, name, counted(getattr(Imports, name)))
with open_workspace(Path(sys.argv[1])) as workspace, open_source(sys.argv[2]) as source:
    import_mlflow(workspace, workspace.owner, source)
"""


@pytest.mark.slow
@pytest.mark.parametrize("calls", [2, 4, 6])
def test_an_import_that_was_killed_goes_on(root: Path, tmp_path: Path, calls: int) -> None:
    uri = unpacked("database-3.17", tmp_path / "there")
    command = [sys.executable, "-c", KILLED, str(root), uri, str(calls)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with open_workspace(root) as again:
        done = taken(again, uri)
        assert (done.there, done.here) == (WHOLE, WHOLE)


@pytest.mark.slow
def test_a_server_is_a_source_too(workspace: Workspace, root: Path, tmp_path: Path) -> None:
    with open_workspace(root) as there:
        taken(there, unpacked("database-3.17", tmp_path / "there"))
    command = [sys.executable, "-m", "trueup", "up", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--until-stdin-closes"],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        url = msgspec.json.decode(server.stdout.readline())["listening"]
        done = taken(workspace, url)
        assert (done.not_taken, done.there, done.here) == ((), WHOLE, WHOLE)
        assert taken(workspace, url).as_before == 4
        server.stdin.close()
