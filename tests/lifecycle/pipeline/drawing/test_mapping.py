"""Fan-out and choices: what they draw, what they refuse, and what they do outside a pipeline."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from trueup import choose, data, each, pipeline, step
from trueup.foundation.errors import UsageError, UserCodeError
from trueup.lifecycle.pipeline.drawing import choosing, graph, mapping
from trueup.lifecycle.pipeline.records import Place


@step
def files(folder: str) -> list[str]:
    return [folder]


@step
def parse(file: str, encoding: str = "utf8") -> dict[str, int]:
    return {"length": len(file), "encoding": len(encoding)}


@step
def total(parts: list[dict[str, int]]) -> int:
    return sum(part["length"] for part in parts)


@step
def is_big(rows: pl.DataFrame) -> bool:
    return rows.height > 10


@step
def sample(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.head(10)


def drawn(function: Any, **options: Any) -> Any:
    return pipeline(**options)(function).draw({})


def refused(function: Any) -> UsageError:
    def flights() -> None:
        function()

    with pytest.raises(UsageError) as caught:
        drawn(flights)
    assert caught.value.message.startswith("test_mapping.py:")
    return caught.value


def test_a_plain_list_and_a_result_become_the_same_kind_of_node() -> None:
    def flights() -> None:
        total(parse.map(["a", "b"], encoding="latin1"))
        total(parse.map(files("x")))

    first, added, found, second, _ = drawn(flights).nodes
    assert (first.name, first.over, first.arguments) == (
        "parse",
        ("file",),
        {"file": ["a", "b"], "encoding": "latin1"},
    )
    assert (second.name, second.over) == ("parse-2", ("file",))
    assert graph.source_of(second.arguments["file"]) == found.index
    assert graph.source_of(added.arguments["parts"]) == first.index


def test_one_result_is_given_to_another_map() -> None:
    @step
    def length(part: dict[str, int]) -> int:
        return part["length"]

    def flights() -> None:
        length.map(parse.map(files("x")))

    assert [node.over for node in drawn(flights).nodes] == [(), ("file",), ("part",)]


def test_lists_marked_by_keyword_are_taken_together() -> None:
    def flights() -> None:
        parse.map(file=each(["a", "b"]), encoding=each(["utf8", "latin1"]))

    [node] = drawn(flights).nodes
    assert node.over == ("file", "encoding")
    calls = [mapping.call(node, i, {n: node.arguments[n] for n in node.over}) for i in range(2)]
    assert calls == [
        {"file": "a", "encoding": "utf8"},
        {"file": "b", "encoding": "latin1"},
    ]
    assert mapping.count(node, {"file": 2, "encoding": 2}) == 2


def test_an_empty_list_is_a_list() -> None:
    def flights() -> None:
        total(parse.map([]))

    assert drawn(flights).nodes[0].arguments["file"] == []
    assert parse.map([]) == []


def test_outside_a_pipeline_map_calls_the_function() -> None:
    assert parse.map(["a", "bc"], encoding=each(["x", "yz"])) == [
        {"length": 1, "encoding": 1},
        {"length": 2, "encoding": 2},
    ]


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (
            lambda: parse.map(["a", "b"], each(["x"])),
            "map-lengths",
            "'file' has 2 and 'encoding' has 1",
        ),
        (lambda: parse.map(file="a"), "map-malformed", "nothing is to be taken item by item"),
        (lambda: parse.map("abc"), "map-malformed", "'file' is a str and no list"),
        (lambda: parse.map({"a": 1}), "map-malformed", "'file' is a dict and no list"),
        (lambda: parse.map(x for x in "ab"), "map-malformed", "'file' is a generator"),
        (lambda: parse.map(["a"], coding="x"), "pipeline-argument", "Did you mean 'encoding'"),
    ],
)
def test_a_wrong_map_is_refused_in_and_outside_a_pipeline(
    call: Any, code: str, message: str, outside: bool
) -> None:
    if outside:
        with pytest.raises(UsageError) as caught:
            call()
        error = caught.value
    else:
        error = refused(call)
    assert error.code == code
    assert message in error.message


def test_each_means_nothing_in_a_plain_call() -> None:
    assert refused(lambda: parse(each(["a"]))).code == "map-malformed"


def test_a_frame_is_no_list_to_map_over() -> None:
    error = refused(lambda: parse.map(sample(data("flights"))))
    assert "is DataFrame and no list" in error.message


def test_a_list_has_no_parts_to_name() -> None:
    assert refused(lambda: total(parse.map(["a"])["length"])).code == "pipeline-value"  # type: ignore[call-overload]


def test_lists_of_different_lengths_are_refused_when_the_pipeline_runs() -> None:
    def flights() -> None:
        parse.map(files("x"), each(files("y")))

    node = drawn(flights).nodes[2]
    with pytest.raises(UserCodeError, match="'file' has 3 and 'encoding' has 4") as caught:
        mapping.count(node, {"file": 3, "encoding": 4})
    assert caught.value.context["line"] == flights.__code__.co_firstlineno + 1


def test_a_choice_draws_both_branches_under_its_condition() -> None:
    def flights() -> None:
        rows = data("flights")
        chosen = choose(is_big(rows), then=lambda: sample(rows), otherwise=lambda: rows)
        is_big(chosen)

    asked, sampled, choice, after = drawn(flights).nodes
    assert (choice.name, choice.step) == ("choose", None)
    [condition] = sampled.conditions
    assert (graph.source_of(condition.output), condition.wanted) == (asked.index, True)
    assert [graph.source_of(choice.arguments[n]) for n in ("then", "otherwise")] == [1, "flights"]
    assert choice.conditions == after.conditions == ()


def test_what_takes_a_value_of_a_branch_is_skipped_with_it() -> None:
    def flights() -> None:
        rows = data("flights")
        made: list[Any] = []
        choose(is_big(rows), then=lambda: made.append(sample(rows)))
        is_big(made[0])

    _, sampled, choice, after = drawn(flights).nodes
    assert after.conditions == sampled.conditions
    assert choice.conditions == ()
    assert choice.arguments["otherwise"] is None


def test_choices_within_choices_have_the_outer_condition_first() -> None:
    def flights() -> None:
        rows = data("flights")

        def inner() -> Any:
            return choose(
                is_big(sample(rows)), then=lambda: sample(rows), otherwise=lambda: sample(rows)
            )

        choose(is_big(rows), then=inner)

    outer, _, asked, then, otherwise, choice, last = drawn(flights).nodes
    for node, wanted in ((then, True), (otherwise, False)):
        assert [(graph.source_of(c.output), c.wanted) for c in node.conditions] == [
            (outer.index, True),
            (asked.index, wanted),
        ]
    assert [graph.source_of(c.output) for c in choice.conditions] == [outer.index]
    assert last.conditions == ()


def test_a_wrong_item_of_a_list_is_named() -> None:
    error = refused(lambda: sample.map([data("flights"), is_big(data("flights"))]))
    assert "takes DataFrame as 'rows[1]', but is given the result of step 'is_big'" in error.message


def test_a_plain_condition_is_plain_python() -> None:
    assert choose(True, then=lambda: 1) == 1
    assert choose(False, then=lambda: 1) is None
    assert choose(False, then=lambda: 1, otherwise=lambda: 2) == 2

    def flights() -> None:
        choose(False, then=lambda: sample(data("flights")), otherwise=lambda: parse("x"))

    assert [node.name for node in drawn(flights).nodes] == ["parse"]


def test_a_wrong_choice_is_refused() -> None:
    with pytest.raises(UsageError, match="then of choose") as caught:
        choose(True, then=3)  # type: ignore[call-overload]
    assert caught.value.code == "choice-malformed"
    with pytest.raises(UsageError, match="is str") as caught:
        choose("yes", then=lambda: 1)  # type: ignore[call-overload]
    assert caught.value.code == "choice-condition"
    error = refused(lambda: choose(sample(data("x")), then=lambda: parse("x")))  # type: ignore[call-overload]
    assert error.code == "choice-condition"
    assert "is DataFrame" in error.message


def test_a_condition_must_be_a_bool_when_the_pipeline_runs() -> None:
    def flights() -> None:
        choose(is_big(data("flights")), then=lambda: parse("x"))

    asked, node, _ = drawn(flights).nodes
    assert choosing.truth(node, True, asked.at) is True
    with pytest.raises(UserCodeError, match="is 1, and neither True nor False"):
        choosing.truth(node, 1, Place("flights.py", 3))


def test_a_candidate_must_not_hang_on_a_condition() -> None:
    from trueup import candidate

    def flights() -> Any:
        rows = data("flights")
        made: list[Any] = []
        choose(is_big(rows), then=lambda: made.append(sample(rows)))
        return candidate(made[0], trained_on=rows, holdout=rows, label="late")

    with pytest.raises(UsageError, match="only under a condition"):
        drawn(flights, model="flights")


def test_all_wrong_calls_are_told_at_once() -> None:
    def flights() -> None:
        parse(3)  # type: ignore[arg-type]
        parse("a", coding="x")  # type: ignore[call-arg]
        total(data("flights"))  # type: ignore[arg-type]

    with pytest.raises(UsageError) as caught:
        drawn(flights)
    assert caught.value.code == "pipeline-problems"
    first = flights.__code__.co_firstlineno
    found = [(p["code"], p["line"] - first) for p in caught.value.context["problems"]]
    assert found == [("pipeline-type", 1), ("pipeline-argument", 2), ("pipeline-type", 3)]
    assert caught.value.message.count("test_mapping.py:") == 3
