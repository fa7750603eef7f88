"""Searching runs: every filter and order against plain Python, every page against all of them."""

from __future__ import annotations

import random
from typing import Any as Anything

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trueup.app.wiring import Workspace
from trueup.foundation.errors import UsageError
from trueup.lifecycle.runs.tracking.reading import Columns
from trueup.lifecycle.runs.tracking.records import Point, TrackedRun
from trueup.lifecycle.runs.tracking.search.vocabulary import RUNS
from trueup.state.query.tree import All, Any, Comparison, Field, Node, Not, Order
from trueup.state.query.vocabulary import Kind

from .conftest import NUMBERS, OLGA, TEXTS, add_run, holds, in_order, named, written

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
PATTERNS = ("%", "a%", "%B", "a_", "_", "*", "[a]", "%[%", "a?", "", "%'%", "Ab%", "%b%%")
KEYS = {"metric": ("m", "n", "nobody"), "parameter": ("p", "odd key", "nobody"), "tag": ("t", "x")}


def fields() -> list[tuple[Field, Kind]]:
    found = [(Field(entity="attribute", key=key), kind) for key, kind in RUNS.own.items()]
    for entity, family in RUNS.families.items():
        kinds = dict.fromkeys(KEYS[entity], family) if isinstance(family, Kind) else family
        found += [(Field(entity=entity, key=key), kind) for key, kind in kinds.items()]
    return found


@st.composite
def comparisons(draw: st.DrawFn, ids: list[str]) -> Comparison:
    field, kind = draw(st.sampled_from(fields()))
    comparator: Anything = draw(st.sampled_from(kind.comparators))
    texts = st.sampled_from((*TEXTS, *ids[:3], "FINISHED", "d", "train", "ann"))
    value: Anything = None
    if comparator in ("LIKE", "ILIKE"):
        value = draw(st.sampled_from(PATTERNS))
    elif comparator in ("IN", "NOT IN"):
        value = tuple(draw(st.lists(texts, min_size=1, max_size=3)))
    elif not comparator.startswith("IS"):
        if kind.holds == "text":
            value = draw(texts)
        elif kind.holds == "whole":
            value = draw(st.sampled_from((0, 100, 200, 250, 250.5, 2**63 - 1, -(2**63))))
        else:
            value = draw(st.sampled_from([number for number in NUMBERS if abs(number) < 1e301]))
    return Comparison(field=field, comparator=comparator, value=value)


def trees(ids: list[str]) -> st.SearchStrategy[Node]:
    def deeper(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(
            st.builds(Not, part=inner), st.builds(All, parts=parts), st.builds(Any, parts=parts)
        )

    return st.recursive(comparisons(ids), deeper, max_leaves=5)


def orders() -> st.SearchStrategy[list[Order]]:
    sortable = [f for f, _ in fields() if f.entity in ("attribute", *RUNS.sorted_families)]
    one = st.builds(Order, field=st.sampled_from(sortable), descending=st.booleans())
    return st.lists(one, max_size=3, unique_by=lambda order: (order.field.entity, order.field.key))


def spoken(wanted: list[Order]) -> list[str]:
    return [f"{named(order.field)} {'DESC' if order.descending else 'ASC'}" for order in wanted]


def walked(workspace: Workspace, limit: int, **asked: Anything) -> list[str]:
    found: list[str] = []
    token = ""
    while True:
        page = workspace.search.runs(OLGA, [0, 1], limit=limit, token=token, **asked)
        found += [run.id for run in page.runs]
        token = page.token
        if not token:
            return found
        assert len(page.runs) == limit
        assert len(found) < 100  # fewer runs than that were made


@SHARED
@given(data=st.data())
def test_a_filter_finds_what_it_says(
    data: st.DataObject, workspace: Workspace, runs: list[TrackedRun], size: str
) -> None:
    tree = data.draw(trees([run.id for run in runs]))
    found = workspace.search.runs(OLGA, [0, 1], where=written(tree)).runs
    assert {run.id for run in found} == {run.id for run in runs if holds(tree, run)}


@SHARED
@given(wanted=orders(), limit=st.integers(3, 40))
def test_pages_in_any_order_give_each_run_once_and_in_its_place(
    wanted: list[Order], limit: int, workspace: Workspace, runs: list[TrackedRun], size: str
) -> None:
    assert walked(workspace, limit, order_by=spoken(wanted)) == in_order(runs, wanted)


@SHARED
@given(data=st.data(), wanted=orders(), limit=st.integers(4, 40))
def test_filtered_pages_are_the_list_without_what_does_not_fit(
    data: st.DataObject,
    wanted: list[Order],
    limit: int,
    workspace: Workspace,
    runs: list[TrackedRun],
    size: str,
) -> None:
    tree = data.draw(trees([run.id for run in runs]))
    fitting = in_order([run for run in runs if holds(tree, run)], wanted)
    assert walked(workspace, limit, order_by=spoken(wanted), where=written(tree)) == fitting


@pytest.mark.parametrize(
    "order_by", [[], ["metrics.m DESC"], ["metrics.m"], ["params.p", "end_time"]]
)
def test_runs_that_come_between_pages_disturb_nothing(
    order_by: list[str], workspace: Workspace, size: str
) -> None:
    dice = random.Random(len(order_by))
    experiment = workspace.tracking.create_experiment(OLGA, f"{order_by} {size}").number
    before = {add_run(workspace, dice, experiment) for _ in range(12)}
    expected = workspace.search.runs(OLGA, [experiment], order_by=order_by).runs
    found: list[str] = []
    token = ""
    while True:
        page = workspace.search.runs(OLGA, [experiment], order_by=order_by, limit=3, token=token)
        found += [run.id for run in page.runs]
        token = page.token
        if not token:
            break
        add_run(workspace, dice, experiment)
    assert len(found) == len(set(found))
    assert [run_id for run_id in found if run_id in before] == [run.id for run in expected]


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("metrics.m = 0", {"zero"}),
        ("metrics.m < 1", {"zero"}),
        ("metrics.m >= 0", {"zero", "two"}),
        ("metrics.m != 0", {"two", "nan"}),
        ("NOT metrics.m = 0", {"two", "nan", "none"}),
        ("metrics.m IS NULL", {"none"}),
        ("NOT metrics.m IS NULL", {"zero", "two", "nan"}),
    ],
)
def test_nan_is_a_value_that_differs_from_every_number(
    where: str, names: set[str], workspace: Workspace, size: str
) -> None:
    experiment = workspace.tracking.create_experiment(OLGA, f"{where} {size}").number
    for name, value in (("zero", 0.0), ("two", 2.0), ("nan", float("nan")), ("none", None)):
        run = workspace.tracking.start(OLGA, experiment, name=name)
        if value is not None:
            workspace.tracking.log(OLGA, run.id, metrics=[Point("m", value, 0, 1)])
    found = workspace.search.runs(OLGA, [experiment], where=where).runs
    assert {run.name for run in found} == names


def test_the_view_chooses_by_life(workspace: Workspace, size: str) -> None:
    views: Anything = ("active", "deleted", "all")
    active, deleted, everything = (
        {run.id for run in workspace.search.runs(OLGA, [0, 1], view=view).runs} for view in views
    )
    assert len(deleted) == 5
    assert active | deleted == everything
    assert not active & deleted


def test_no_experiments_have_no_runs(workspace: Workspace) -> None:
    assert workspace.search.runs(OLGA, []).runs == []
    assert workspace.search.runs(OLGA, [77]).runs == []


def test_only_the_columns_that_are_named_are_read(
    workspace: Workspace, runs: list[TrackedRun]
) -> None:
    columns = Columns(
        metrics=frozenset({"m"}), params=frozenset(), tags=frozenset({"t", "x"}), has_inputs=False
    )
    found = {run.id: run for run in workspace.search.runs(OLGA, [0, 1], columns=columns).runs}
    assert len(found) == len(runs)
    for whole in runs:
        run = found[whole.id]
        assert [point.key for point in run.metrics] == [
            p.key for p in whole.metrics if p.key == "m"
        ]
        assert run.tags == {key: value for key, value in whole.tags.items() if key == "t"}
        assert (run.params, run.datasets) == ({}, ())


@pytest.mark.parametrize("token", ["x", "AAAA", "W10=", "WzEsMl0=", "e30=", "W" * 100_000])
def test_a_token_of_nobody_is_refused(token: str, workspace: Workspace) -> None:
    with pytest.raises(UsageError) as raised:
        workspace.search.runs(OLGA, [0], token=token)
    assert raised.value.code == "page-token-malformed"


def test_a_token_of_another_order_is_refused(workspace: Workspace) -> None:
    token = workspace.search.runs(OLGA, [0, 1], limit=2).token
    with pytest.raises(UsageError):
        workspace.search.runs(OLGA, [0, 1], order_by=["metrics.m"], token=token)


def test_too_many_orders_are_refused(workspace: Workspace) -> None:
    with pytest.raises(UsageError) as raised:
        workspace.search.runs(OLGA, [0], order_by=[f"params.p{n}" for n in range(21)])
    assert "more than 20" in str(raised.value.context)
