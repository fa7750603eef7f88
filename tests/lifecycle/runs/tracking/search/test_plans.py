"""The database goes about a page as it was meant to: by an index, and without sorting it all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any as Anything

import pytest
from sqlalchemy import event

from trueup.app.wiring import Workspace
from trueup.lifecycle.runs.tracking.search import plans

from .conftest import OLGA

Explained = Callable[..., list[str]]


@pytest.fixture
def explained(workspace: Workspace) -> Explained:
    """How SQLite finds a page: the plan of each statement that reads from runs in order."""

    def explain(experiments: list[int], **asked: Anything) -> list[str]:
        said: list[tuple[str, Anything]] = []

        def remember(
            _c: Anything, _k: Anything, statement: str, values: Anything, *_: Anything
        ) -> None:
            if "ORDER BY" in statement and "tracked_runs" in statement:
                said.append((statement, values))

        engine = workspace.state.database.engine
        event.listen(engine, "before_cursor_execute", remember)
        try:
            workspace.search.runs(OLGA, experiments, limit=3, **asked)
        finally:
            event.remove(engine, "before_cursor_execute", remember)
        with engine.connect() as connection:
            return [
                " / ".join(
                    str(row[3])
                    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
                )
                for text, values in said
            ]

    return explain


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were too many runs to look at all of them."""
    monkeypatch.setattr(plans, "MANY", 0)


def test_the_newest_of_one_experiment_come_by_its_index(explained: Explained) -> None:
    (plan,) = explained([1])
    assert "USING COVERING INDEX ix_tracked_runs_newest (experiment=?)" in plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan


@pytest.mark.usefixtures("many")
def test_the_newest_of_many_come_by_the_index_of_all(explained: Explained) -> None:
    (plan,) = explained([0, 1])
    assert "SCAN tracked_runs USING COVERING INDEX ix_tracked_runs_all" in plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("way", ["ASC", "DESC"])
def test_the_best_of_many_come_by_the_index_of_values(explained: Explained, way: str) -> None:
    plan = explained([0, 1], order_by=[f"metrics.m {way}"])[0]
    assert "SEARCH by_0 USING COVERING INDEX ix_latest_points_value (metric=? AND is_nan=?" in plan
    assert "SEARCH tracked_runs USING INTEGER PRIMARY KEY (rowid=?)" in plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan


@pytest.mark.usefixtures("many")
def test_a_later_page_begins_at_its_place_in_the_index(
    explained: Explained, workspace: Workspace
) -> None:
    asked: Anything = {"order_by": ["metrics.m DESC"]}
    token = workspace.search.runs(OLGA, [0, 1], limit=3, **asked).token
    plan = explained([0, 1], token=token, **asked)[0]
    assert "(metric=? AND is_nan=? AND value<?)" in plan
    token = workspace.search.runs(OLGA, [0, 1], limit=3).token
    assert "ix_tracked_runs_all (started_at<?)" in explained([0, 1], token=token)[0]


@pytest.mark.usefixtures("many")
def test_runs_of_other_names_and_states_need_not_be_read(explained: Explained) -> None:
    (plan,) = explained([0, 1], where="run_name = 'x' AND status = 'FINISHED'")
    assert "SCAN tracked_runs USING COVERING INDEX ix_tracked_runs_all" in plan


@pytest.mark.usefixtures("many")
def test_a_metric_is_looked_up_in_the_index_of_values(explained: Explained) -> None:
    (plan,) = explained([0, 1], where="metrics.m > 1")
    assert "SEARCH latest_points USING COVERING INDEX ix_latest_points_value" in plan


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("where", "index"),
    [
        ("params.p = 'a'", "ix_run_params_value (key=? AND value=?)"),
        ("params.p LIKE '%b%'", "ix_run_params_value (key=?)"),
        ("tags.t ILIKE 'A%'", "ix_run_tags_value (key=?)"),
    ],
)
def test_words_that_hardly_any_run_has_are_looked_up_in_the_index_of_values(
    explained: Explained, where: str, index: str
) -> None:
    (plan,) = explained([0, 1], where=where)
    assert f"USING COVERING INDEX {index}" in plan


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("where", ["params.p = 'a'", "tags.t LIKE 'a%'", "metrics.m > 0"])
def test_what_many_runs_have_is_asked_of_each_run_until_the_page_is_full(
    explained: Explained, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(plans, "RARE", 0)
    (plan,) = explained([0, 1], where=where)
    assert "SCAN tracked_runs USING COVERING INDEX ix_tracked_runs_all" in plan
    assert "USING PRIMARY KEY (run=?" in plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan


# What SQLite knows of a project whose 10,000 runs all belong to one experiment.
KNOWN = [
    ("tracked_runs", "ix_tracked_runs_newest", "10000 10000 1 1 1"),
    ("tracked_runs", "ix_tracked_runs_all", "10000 1 1 1 1 1 1 1"),
    ("tracked_runs", "ix_tracked_runs_beat", "10000 10000 1"),
    ("tracked_runs", "sqlite_autoindex_tracked_runs_1", "10000 1"),
    ("latest_points", "latest_points", "40000 4 1"),
    ("latest_points", "ix_latest_points_value", "40000 10000 10000 1 1"),
]


@pytest.mark.usefixtures("many")
def test_the_best_come_by_the_index_of_values_though_all_are_of_one_experiment(
    explained: Explained, workspace: Workspace
) -> None:
    engine = workspace.state.database.engine
    with workspace.state.database.writing() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.exec_driver_sql("DELETE FROM sqlite_stat1")
        connection.exec_driver_sql("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", KNOWN)
    engine.dispose()  # connections read it once
    try:
        plan = explained([0], order_by=["metrics.m"])[0]
        assert "SEARCH by_0 USING COVERING INDEX ix_latest_points_value" in plan
    finally:
        with workspace.state.database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM sqlite_stat1")
        engine.dispose()
