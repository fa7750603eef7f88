"""Options of steps are read where they are written; what is of no use is refused there."""

from __future__ import annotations

from typing import Any

import pytest

from trueup.foundation.errors import UsageError
from trueup.lifecycle.pipeline import options
from trueup.lifecycle.pipeline.decorators import pipeline, step
from trueup.lifecycle.pipeline.records import Place, StepOptions
from trueup.lifecycle.runs.execution import scheduling

AT = Place("pipelines/flights.py", 7)


def work() -> None: ...


def test_all_options_reach_the_step() -> None:
    asked: dict[str, Any] = {
        "cache": False,
        "version": "2",
        "depends_on": ("sql/rows.sql",),
        "environment": ("REGION",),
        "secrets": ("TOKEN",),
        "retries": 3,
        "backoff": "2s",
        "timeout": "10m",
        "cpus": 0.5,
        "memory": "4GB",
        "gpus": 1.0,
        "at_most": 2,
        "features": "flights",
    }
    assert step(**asked)(work).options == StepOptions(**asked)
    assert set(asked) == set(StepOptions.__struct_fields__)


def test_the_next_attempt_may_follow_at_once() -> None:
    made = step(retries=2, backoff="0s")(work)
    assert scheduling.wait_before_retry(made.options, 2) == 0.0


def test_one_name_needs_no_list() -> None:
    made = step(depends_on="./sql/rows.sql", secrets=["A", "B", "A"])(work)
    assert made.options.depends_on == ("sql/rows.sql",)
    assert made.options.secrets == ("A", "B")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"retry": 3}, "there is no option 'retry' .* Did you mean 'retries'"),
        ({"retries": -1}, "retries=-1 is of no use: write a whole number from 0 to 100"),
        ({"retries": True}, "retries=True"),
        ({"timeout": "10 minutes"}, "'10 minutes' is no duration"),
        ({"timeout": "0s"}, "it must be more than nothing"),
        ({"timeout": 10}, "timeout=10 is of no use: write a text"),
        ({"memory": "4 gigs"}, "'gigs' is no unit here"),
        ({"memory": "4mb"}, "Did you mean 'MB'"),
        ({"memory": "much"}, "an amount of memory"),
        ({"cpus": 0}, "more than 0"),
        ({"cpus": float("nan")}, "more than 0"),
        ({"gpus": -1}, "at least 0"),
        ({"at_most": 1.5}, "whole number"),
        ({"cache": "no"}, "True or False"),
        ({"depends_on": ["../other.sql"]}, "no path below the project's folder"),
        ({"depends_on": ["/etc/passwd"]}, "no path below the project's folder"),
        ({"depends_on": [".trueup/secrets/A"]}, "belongs to .trueup"),
        ({"depends_on": 3}, "list of texts"),
        ({"secrets": ["a-b"]}, "letters, digits and '_'"),
        ({"environment": ["1A"]}, "no name of a variable"),
    ],
)
def test_an_option_of_no_use_is_refused_where_it_stands(
    asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        step(**asked)(work)
    assert caught.value.code == "step-option"
    assert caught.value.message.startswith("test_options.py:")


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        options.read({"retry": 1, "cpus": "two"}, "@step(…)", AT)
    assert caught.value.message.startswith("pipelines/flights.py:7: @step(…): there is no option")
    assert "cpus='two'" in caught.value.message
    assert len(caught.value.context["problems"]) == 2


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"modle": "flights"}, "no option 'modle'. Did you mean 'model'"),
        ({"timezone": "Europe/Pari"}, "no time zone 'Europe/Pari'. Did you mean 'Europe/Paris'"),
        ({"timezone": "../etc"}, "no time zone"),
        ({"catch_up": "last"}, "no policy 'last'. Did you mean 'latest'"),
        ({"on": "comit"}, "Did you mean 'commit'"),
        ({"on": ["data:"]}, "neither 'commit'"),
        ({"on": ["alert"]}, "nor the name of an event"),
        ({"partitions": "month", "start": "2013-01"}, "no kind of partitions"),
        ({"partitions": "monthly"}, "start is missing"),
        ({"partitions": "monthly", "start": "2013-13"}, "'2013-13' names no partition"),
        ({"partitions": ["a", "a"]}, "a name is there twice"),
        ({"start": "2013-01"}, "start is given without partitions"),
    ],
)
def test_an_option_of_a_pipeline_is_refused_where_it_stands(
    asked: dict[str, Any], message: str
) -> None:
    def nightly(partition: str) -> None: ...

    with pytest.raises(UsageError, match=message) as caught:
        pipeline(**asked)(nightly)
    assert caught.value.code in ("pipeline-option", "partition-unknown")


def test_a_pipeline_says_when_it_runs() -> None:
    @pipeline(
        schedule="0 3 * * 1",
        timezone="Europe/Paris",
        catch_up="all",
        on=("data:flights", "commit", "alert.raised", "release.went-live"),
    )
    def nightly() -> None: ...

    assert (nightly.timezone, nightly.catch_up) == ("Europe/Paris", "all")
    assert nightly.on == ("data:flights", "commit", "alert.raised", "release.went-live")
    assert nightly.partitions is None


def test_partitions_need_the_parameter() -> None:
    with pytest.raises(UsageError, match="has no parameter 'partition'"):

        @pipeline(partitions="daily", start="2013-01-01")
        def nightly() -> None: ...
