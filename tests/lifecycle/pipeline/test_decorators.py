"""What users write: steps are plain functions outside a pipeline and nodes of a graph inside."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest

import trueup
from trueup.foundation.errors import UsageError, UserCodeError
from trueup.lifecycle.pipeline.decorators import candidate, data, pipeline, step
from trueup.lifecycle.pipeline.drawing.graph import Output


@step
def features(flights: pl.DataFrame, weather: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([flights, weather], how="horizontal")


@step
def train(rows: pl.DataFrame, depth: int = 6) -> str:
    return f"{rows.height} rows at depth {depth}"


@step
def split(rows: pl.DataFrame, at: int) -> dict[str, pl.DataFrame]:
    return {"train": rows.head(at), "holdout": rows.tail(-at)}


def drawn(function: Any, **options: Any) -> Any:
    return pipeline(**options)(function).draw({})


def test_the_four_names_are_public() -> None:
    assert trueup.step is step
    assert {"step", "pipeline", "data", "candidate"} <= set(trueup.__all__) <= set(dir(trueup))


def test_a_step_is_the_plain_function_outside_a_pipeline() -> None:
    assert train(pl.DataFrame({"a": [1, 2]}), depth=2) == "2 rows at depth 2"
    assert train.__name__ == "train"


def test_a_step_with_options_is_callable_too() -> None:
    @step(name="job", cache=False)
    def work(x: int) -> int:
        return x

    assert (work(3), work.name, work.options.cache) == (3, "job", False)


def test_a_pipeline_becomes_a_graph_and_runs_nothing() -> None:
    def flights() -> Any:
        rows = features(data("flights"), weather=data("weather"))
        parts = split(rows, 21)
        model = train(parts["train"])
        return candidate(model, trained_on=parts["train"], holdout=parts["holdout"], label="late")

    graph = drawn(flights, model="flights")
    assert [node.name for node in graph.nodes] == ["features", "split", "train"]
    assert set(graph.datasets) == {"flights", "weather"}
    assert graph.nodes[1].arguments["at"] == 21
    assert graph.nodes[2].arguments["depth"] == 6
    assert repr(graph.nodes[2].arguments["rows"]) == "<the result of step 'split'['train']>"
    assert graph.candidate.label == "late"
    assert graph.last_use() == {"flights": 0, "weather": 0, 0: 1, 1: 2}


def test_every_call_knows_its_line() -> None:
    def flights() -> None:
        split(data("flights"), 3)

    [node] = drawn(flights).nodes
    assert str(node.at) == f"test_decorators.py:{flights.__code__.co_firstlineno + 1}"


def test_a_step_called_twice_gets_two_names() -> None:
    def flights() -> None:
        rows = data("flights")
        train(rows)
        train(rows, 2)

    assert [node.name for node in drawn(flights).nodes] == ["train", "train-2"]


def test_parameters_steer_plain_python() -> None:
    @pipeline
    def flights(depth: int = 3, twice: bool = False) -> None:
        for _ in range(2 if twice else 1):
            train(data("flights"), depth)

    assert len(flights.draw({}).nodes) == 1
    assert [n.arguments["depth"] for n in flights.draw({"twice": True, "depth": 4}).nodes] == [4, 4]


def test_a_pipeline_may_use_another() -> None:
    @pipeline
    def rows(until: str = "x") -> Any:
        return split(data("flights"), 3)

    def flights() -> None:
        train(rows()["train"])

    assert [node.name for node in drawn(flights).nodes] == ["split", "train"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (train, "missing a required argument: 'rows'"),
        (lambda: train(data("flights"), dept=3), "'dept'. Did you mean 'depth'?"),
        (lambda: train(data("flights"), 3, 4), "too many positional arguments"),
    ],
)
def test_a_wrong_argument_is_named_with_its_line(call: Any, message: str) -> None:
    def flights() -> None:
        call()

    with pytest.raises(UsageError) as caught:
        drawn(flights)
    assert caught.value.code == "pipeline-argument"
    assert message in caught.value.message
    assert caught.value.message.startswith("test_decorators.py:")


def test_a_pipeline_that_calls_itself_through_another_is_a_circle() -> None:
    @pipeline
    def first() -> None:
        second()

    @pipeline
    def second() -> None:
        first()

    with pytest.raises(UsageError) as caught:
        first.draw({})
    assert caught.value.code == "pipeline-cycle"
    lines = [made.function.__code__.co_firstlineno + 2 for made in (first, second)]
    assert (
        f"first -> second (test_decorators.py:{lines[0]}) -> first (test_decorators.py:{lines[1]})"
        in caught.value.message
    )


def test_a_circle_is_shown_without_the_way_to_it() -> None:
    @pipeline
    def inner() -> None:
        inner()

    @pipeline
    def outer() -> None:
        inner()

    with pytest.raises(UsageError, match=r"'inner' calls itself .*: inner -> inner"):
        outer.draw({})


def test_a_value_of_another_drawing_is_refused() -> None:
    kept: list[Any] = []

    def first() -> None:
        kept.append(split(data("flights"), 3))

    def second() -> None:
        train(kept[0])

    drawn(first)
    with pytest.raises(UsageError, match="was made while pipeline 'first' was drawn") as caught:
        drawn(second)
    assert caught.value.code == "pipeline-foreign-value"


@pytest.mark.parametrize(
    "use",
    [
        *(bool, len, list, str, float, range, Path, "{}".format, "%s".__mod__),
        *(lambda v: v.height, lambda v: v(), lambda v: v[0]),
        *(lambda v: v == 3, lambda v: v in (1, 2), lambda v: v > 0, lambda v: v > 1),
        *(lambda v: v + 1, lambda v: 1 - v, lambda v: -v, lambda v: v & True),
    ],
)
def test_a_value_cannot_be_looked_at_before_it_exists(use: Any) -> None:
    def flights() -> None:
        use(split(data("flights"), 3))

    with pytest.raises(UsageError, match="has no value before the pipeline runs") as caught:
        drawn(flights)
    assert "inside a @step" in caught.value.hint


def test_an_error_in_a_pipeline_function_names_the_line() -> None:
    def flights() -> None:
        int("one")

    with pytest.raises(UserCodeError, match=r"Pipeline 'flights' failed at .*: ValueError"):
        drawn(flights)


def endless() -> list[Any]:
    found: list[Any] = [1]
    found.append(found)
    return found


@pytest.mark.parametrize(
    "call", [lambda: split(endless(), 3), lambda: split.map([endless()], at=3)]
)
def test_an_argument_that_holds_itself_is_refused_with_its_line(call: Any) -> None:
    def flights() -> None:
        call()

    with pytest.raises(UsageError, match=r":\d+: step 'split' .* in (\[0\])?\[1\], holds itself"):
        drawn(flights)


@pytest.mark.parametrize(
    "word", [lambda: data("flights"), lambda: candidate(1, trained_on=1, holdout=1, label="x")]
)
def test_data_and_candidate_mean_nothing_outside(word: Any) -> None:
    with pytest.raises(UsageError) as caught:
        word()
    assert caught.value.code == "outside-pipeline"


def test_calling_a_pipeline_says_how_to_run_it() -> None:
    @pipeline
    def flights() -> None: ...

    with pytest.raises(UsageError) as caught:
        flights()
    assert caught.value.hint == "trueup run flights"


def test_a_pipeline_without_steps_is_refused() -> None:
    with pytest.raises(UsageError, match="calls no step"):
        drawn(lambda: None, name="empty")


def test_a_pipeline_of_a_model_must_return_a_candidate() -> None:
    def flights() -> Any:
        return train(data("flights"))

    with pytest.raises(UsageError, match="returns no candidate") as caught:
        drawn(flights, model="flights")
    assert caught.value.hint.startswith("return candidate(")


def test_a_candidate_needs_a_model_name_and_results_of_steps() -> None:
    def nameless() -> Any:
        rows = data("flights")
        return candidate(train(rows), trained_on=rows, holdout=rows, label="late")

    def wrong() -> Any:
        rows = data("flights")
        return candidate(train(rows), trained_on=rows, holdout=None, label="late")

    with pytest.raises(UsageError, match="names no model"):
        drawn(nameless)
    with pytest.raises(UsageError, match="holdout is None, which is no result of a step"):
        drawn(wrong, model="flights")


def test_the_rows_of_a_candidate_are_frames() -> None:
    def flights() -> Any:
        rows = data("flights")
        parts = split(rows, 3)
        return candidate(train(rows), trained_on=rows, holdout=parts, label="late")

    with pytest.raises(UsageError, match=r"holdout is <the result of .* dict\[str.* and no frame"):
        drawn(flights, model="flights")


@pytest.mark.parametrize("wrong", [3, type("Thing", (), {}), len])
def test_only_functions_can_be_steps(wrong: Any) -> None:
    with pytest.raises(UsageError, match="is no function"):
        step(wrong)


def test_generators_and_async_functions_cannot_be_steps() -> None:
    async def later() -> None: ...
    def many() -> Any:
        yield 1

    with pytest.raises(UsageError, match="async function"):
        step(later)
    with pytest.raises(UsageError, match="is a generator"):
        step(many)


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        ("daily", "it has 1 fields instead of 5"),
        ("* * * * * *", "it has 6 fields instead of 5"),
        ("0 99 * * *", "Bad hour"),
        ("0 0 31 2 *", ""),
    ],
)
def test_a_schedule_must_be_a_cron_expression_that_comes(schedule: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"is of no use: {reason}") as caught:

        @pipeline(schedule=schedule)
        def flights() -> None: ...

    assert caught.value.code == "schedule-invalid"


def test_parameters_have_types_and_defaults() -> None:
    @pipeline
    def flights(
        until: date, depth: int = 6, kind: Literal["a", "b"] = "a", rate: float = 1
    ) -> None:
        train(data("flights"), depth)

    assert list(flights.parameters) == ["until", "depth", "kind", "rate"]
    assert flights.parameters["depth"] == (int, 6)
    assert flights.parse({"until": "2013-04-01", "depth": "4", "rate": "2"}) == {
        "until": date(2013, 4, 1),
        "depth": 4,
        "kind": "a",
        "rate": 2.0,
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"depth": "six"}, "the parameter 'depth' is 'six', which is no int"),
        ({"dept": "6"}, "no parameter 'dept'"),
        ({"names": "a"}, "which is no JSON"),
        ({"share": "nan"}, "which is no finite number"),
    ],
)
def test_a_wrong_parameter_is_named(given: dict[str, str], message: str) -> None:
    @pipeline
    def flights(depth: int = 6, names: list[str] = [], share: float = 0.5) -> None:  # noqa: B006
        train(data("flights"), depth)

    with pytest.raises(UsageError) as caught:
        flights.parse(given)
    assert caught.value.code == "pipeline-parameter"
    assert message in caught.value.message


def test_a_default_of_a_wrong_type_is_refused_where_it_is_written() -> None:
    @pipeline
    def flights(depth: int = "six") -> None: ...  # type: ignore[assignment]

    with pytest.raises(
        UsageError, match=r"the default of the parameter 'depth' is 'six'"
    ) as caught:
        _ = flights.parameters
    line = flights.function.__code__.co_firstlineno
    assert (caught.value.context["line"], f":{line}: " in caught.value.message) == (line, True)

    @step
    def fit(depth: int = "six", rate: float = None) -> int:  # type: ignore[assignment]  # noqa: RUF013
        return depth

    @pipeline
    def fits() -> None:
        fit()

    with pytest.raises(UsageError, match="takes int as 'depth', but its default is") as caught:
        fits.draw({})
    assert caught.value.context["line"] == fit.function.__code__.co_firstlineno


def test_a_parameter_without_default_must_be_given() -> None:
    @pipeline
    def flights(until: str) -> None: ...

    with pytest.raises(UsageError, match="needs a value for 'until'") as caught:
        flights.parse({})
    assert caught.value.hint == "trueup run flights -p until=VALUE"


def test_values_given_from_python_are_not_converted() -> None:
    @pipeline
    def flights(depth: int = 6) -> None: ...

    assert flights.bind({"depth": 3}) == {"depth": 3}
    with pytest.raises(UsageError, match="is '3', which is no int"):
        flights.bind({"depth": "3"})


def test_a_parameter_of_a_strange_type_is_refused() -> None:
    @pipeline
    def flights(rows: pl.DataFrame) -> None: ...

    with pytest.raises(UsageError, match="'rows' has the type DataFrame"):
        _ = flights.parameters


def test_importing_trueup_imports_no_large_library() -> None:
    large = {"numpy", "polars", "sqlalchemy"}
    code = f"import trueup, sys; trueup.step; print(*({large} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_an_output_has_a_readable_name() -> None:
    seen: list[Output] = []

    def flights() -> None:
        seen.append(data("flights"))  # type: ignore[arg-type]
        train(seen[0])  # type: ignore[arg-type]

    drawn(flights)
    assert repr(seen[0]) == "<dataset 'flights'>"
