"""Label and model say which question is answered, and answers come in the shape it wants."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from trueup.foundation.errors import UsageError
from trueup.foundation.questions import Question, why_wrong
from trueup.foundation.records import decode, encode
from trueup.lifecycle.models import answers
from trueup.lifecycle.models.records import Column, Signature

SAID = Question()


def signature(**more: object) -> Signature:
    return Signature(inputs=(), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "width", "task", "classes"),
    [
        ([0, 1, 1], 2, "binary", ()),
        ([0.0, 1.0, None], 2, "binary", ()),
        ([True, False], 2, "binary", ()),
        ([1, 1, 1], 2, "binary", ()),
        ([0.5, 1.0], 1, "regression", ()),
        ([3, 7, 12], 1, "regression", ()),
        ([3, 12, 7, 3], 3, "multiclass", (3, 7, 12)),
        ([1, 2], 2, "multiclass", (1, 2)),
        ([1.0, 2.0, 3.0], 3, "multiclass", (1, 2, 3)),
        (["b", "a", None], 2, "multiclass", ("a", "b")),
    ],
)
def test_label_and_model_say_the_question(labels, width, task, classes):
    found = answers.question_of(SAID, pl.Series("y", labels), width)
    assert (found.task, found.classes) == (task, classes)


def test_what_is_said_counts():
    labels = pl.Series("y", [0, 1, 2])
    assert answers.question_of(Question(task="regression"), labels, 3).task == "regression"
    assert answers.question_of(Question(levels=(0.1, 0.9)), labels, 2).task == "quantile"
    assert answers.question_of(Question(group="query"), labels, 1).task == "ranking"
    told = answers.question_of(Question(classes=(2, 1, 0)), labels, 3)
    assert (told.task, told.classes) == ("multiclass", (2, 1, 0))


@pytest.mark.parametrize(
    ("said", "labels", "what"),
    [
        (SAID, [None, None], "has no value at all"),
        (Question(task="regression"), ["a", "b"], "does not predict"),
        (Question(task="multiclass"), [0.5, 1.5], "fractions, which are no classes"),
        (Question(classes=("a", "b")), ["a", "c"], "'c', which is none of classes"),
        (Question(task="multiclass"), list(range(2000)), "2,000 classes"),
    ],
)
def test_labels_that_cannot_be_those_of_the_question_are_refused(said, labels, what):
    with pytest.raises(UsageError, match=what) as caught:
        answers.question_of(said, pl.Series("y", labels), 1)
    assert caught.value.code == "label-unfit"


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (Question(task="binary", levels=(0.5,)), "levels belong to task='quantile'"),
        (Question(task="quantile"), "needs levels"),
        (Question(task="ranking"), "needs group"),
        (Question(levels=(0.9, 0.1)), "must rise"),
        (Question(levels=(0.0, 0.5)), "must rise"),
        (Question(classes=("a",)), "two or more"),
        (Question(classes=("a", "a")), "each once"),
        (Question(classes=(1, 2), group="g"), "more than one of"),
    ],
)
def test_a_question_that_contradicts_itself_is_told(said, what):
    assert what in why_wrong(said)


SEVERAL = signature(task="multiclass", classes=("a", "b", "c"))
LEVELS = signature(task="quantile", levels=(0.1, 0.9))


@pytest.mark.parametrize(
    ("asked", "given", "wanted"),
    [
        (signature(), [0.2, 0.7], [0.2, 0.7]),
        (signature(), [[0.8, 0.2], [0.3, 0.7]], [0.2, 0.7]),
        (signature(task="regression"), [3.5, -1.0], [3.5, -1.0]),
        (SEVERAL, [[0.1, 0.2, 0.7]], [[0.1, 0.2, 0.7]]),
        (signature(task="multiclass", classes=(1, 2)), [0.25], [[0.75, 0.25]]),
        (LEVELS, [[1.0, 4.0]], [[1.0, 4.0]]),
        (signature(task="quantile", levels=(0.9,)), [4.0, 5.0], [[4.0], [5.0]]),
    ],
)
def test_answers_come_in_the_shape_of_the_question(asked, given, wanted):
    found = answers.as_said(np.array(given), asked)
    assert found.tolist() == wanted
    assert len(answers.as_said(np.zeros(0), asked)) == 0


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (signature(), [[0.1, 0.2, 0.7]]),
        (signature(task="regression"), [[0.1, 0.2]]),
        (SEVERAL, [[0.5, 0.5]]),
        (SEVERAL, [1.0, 2.0]),
        (LEVELS, [1.0, 2.0]),
    ],
)
def test_another_number_of_answers_is_refused(asked, given):
    with pytest.raises(UsageError, match="must give") as caught:
        answers.as_said(np.array(given), asked)
    assert caught.value.code == "model-output"


def test_classes_are_counted_in_the_order_of_the_model():
    rows = pl.DataFrame({"kind": ["c", "a", None, "z"]})
    found = answers.labels_of(rows, "kind", SEVERAL)
    assert found[:2].tolist() == [2, 0]
    assert np.isnan(found[2])
    assert found[3] == answers.UNSEEN
    told = answers.unfit_labels(found[[0, 1, 3]], SEVERAL, ["c", "a", "z"])
    assert told == "1 of 3 labels is of a class that the model does not know ('z')"
    numbers = signature(task="multiclass", classes=(7, 3))
    kinds = pl.DataFrame({"kind": [3.0, 7.0, float("nan")]})
    assert answers.labels_of(kinds, "kind", numbers)[:2].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("task", "label", "what"),
    [
        ("binary", 2.0, "neither 0 nor 1"),
        ("regression", np.inf, "infinite"),
        ("ranking", -1.0, "no measure of how relevant"),
        ("quantile", np.nan, "missing, or no number"),
    ],
)
def test_labels_that_no_model_can_be_judged_by_are_told(task, label, what):
    assert what in answers.unfit_labels(np.array([0.0, label]), signature(task=task))


@pytest.mark.parametrize(
    ("asked", "score", "what"),
    [
        (signature(), [0.5, 1.5], "no probability"),
        (signature(task="regression"), [0.5, np.nan], "no finite number"),
        (SEVERAL, [[0.1, 0.2, 0.7], [0.1, 0.2, 0.2]], "do not sum to 1"),
        (LEVELS, [[0.1, 0.2], [0.1, np.inf]], "no finite number"),
    ],
)
def test_answers_that_no_model_may_give_are_told(asked, score, what):
    count, words = answers.unfit(np.array(score), asked)
    assert count == 1
    assert words.startswith("1 of 2 answers is no")
    assert what in words


def test_groups_are_numbered_and_a_row_without_one_has_none():
    asked = signature(task="ranking", group="query")
    found = answers.beside_of(pl.DataFrame({"query": ["x", "y", "x", None]}), asked)
    assert found is not None
    assert found[0] == found[2] != found[1]
    assert np.isnan(found[3])
    with pytest.raises(UsageError, match="no column 'query'"):
        answers.beside_of(pl.DataFrame({"a": [1]}), asked)


def test_a_reference_watches_the_most_probable_class_and_the_middle_level():
    assert answers.watched(np.array([[0.1, 0.2, 0.7]]), SEVERAL).tolist() == [0.7]
    levels = signature(task="quantile", levels=(0.1, 0.5, 0.9))
    assert answers.watched(np.array([[1.0, 2.0, 4.0]]), levels).tolist() == [2.0]
    assert answers.watched(np.array([3.0]), signature(task="regression")).tolist() == [3.0]


def test_a_binary_signature_is_written_as_it_always_was():
    plain = Signature(inputs=(Column(name="a", kind="number"),))
    wanted = b'{"inputs":[{"kind":"number","name":"a","nullable":true}],"output":"score"}'
    assert encode(plain) == wanted
    for asked in (SEVERAL, LEVELS, plain):
        assert decode(encode(asked), Signature) == asked
