"""Predictions by what they are about."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from trueup.lifecycle.serving.journal.searching import Wanted, search
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.records import Labels

from ..conftest import AT, prediction

A, B, C = ("a" * 32, "b" * 32, "c" * 32)


@pytest.fixture
def written(folder: Path) -> Path:
    inputs = {"distance": [10.0, None], "carrier": ["UA", "DL"]}
    later = AT + timedelta(days=1)
    journal = Journal(folder)
    journal.write(
        [prediction(A, rows=[0, 1], entities=["N1", "N2"], inputs=inputs, scores=[0.1, 0.9])]
    )
    journal.write([prediction(B, "other", model_ref="other@2", scores=[[0.2, 0.8]], at=later)])
    journal.write([prediction(A, rows=[0, 1], scores=[0.5, 0.5], inputs=inputs, shadow=True)])
    for at, value in ((later, 1), (AT, 0)):
        labels = Labels(
            deployment="late", received_at=later, predictions=[f"{A}-1"], labels=[value], at=at
        )
        journal.write([labels])
    journal.close()
    return folder


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["a0", "a1", "b0"]),
        ({"deployment": "late"}, ["a0", "a1"]),
        ({"model_ref": "other@2"}, ["b0"]),
        ({"entity": "N2"}, ["a1"]),
        ({"since": AT + timedelta(hours=1)}, ["b0"]),
        ({"until": AT + timedelta(hours=1)}, ["a0", "a1"]),
        ({"at_least": 0.5}, ["a1"]),
        ({"at_most": 0.5}, ["a0"]),
        ({"inputs": {"carrier": "ua", "distance": "10"}}, ["a0"]),
        ({"inputs": {"distance": ""}}, ["a1"]),
        ({"inputs": {"made_up": "1"}}, []),
        ({"labelled": True}, ["a1"]),
        ({"labelled": False}, ["a0", "b0"]),
        ({"shadows": True, "at_least": 0.5}, ["a0", "a1"]),
    ],
)
def test_each_condition_keeps_what_meets_it(
    written: Path, asked: dict[str, Any], found: list[str]
) -> None:
    hits = search(written, Wanted(**asked))
    assert [f"{record.request[0]}{record.rows[place]}" for record, place, _ in hits] == found


def test_the_label_that_was_known_last_comes_with_it(written: Path) -> None:
    ((_, _, label),) = search(written, Wanted(labelled=True))
    assert label is not None
    assert label.value == 1
