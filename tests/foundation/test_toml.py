"""A wrong TOML file is named with file, line, key, value and the near name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta

from trueup.foundation import toml
from trueup.foundation.errors import UsageError
from trueup.foundation.records import Record


class Leaf(Record):
    size: int
    colour: str = "green"


class Tree(Record):
    name: str
    leaves: tuple[Leaf, ...] = ()
    named: dict[str, Leaf] = {}


GOOD = """\
name = "oak"

[[leaves]]
size = 1

[[leaves]]
size = 2
colour = "red"

[named.big]
size = 9
"""


def refusal(text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        toml.parse(text, "tree.toml", Tree)
    return caught.value


def test_a_good_file_is_a_record() -> None:
    tree = toml.parse(GOOD, "tree.toml", Tree)
    assert [leaf.size for leaf in tree.leaves] == [1, 2]
    assert tree.named["big"].size == 9


@pytest.mark.parametrize(
    ("old", "new", "line", "near"),
    [
        ('name = "oak"', 'name = "oak"\nnam = "x"', 2, "name"),
        ('colour = "red"', 'color = "red"', 8, "colour"),
        ("size = 9", "size = 9\ncolur = 'x'", 12, "colour"),
        ("[named.big]", "[naned.big]", 10, "named"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_near_key(
    old: str, new: str, line: int, near: str
) -> None:
    error = refusal(GOOD.replace(old, new))
    assert error.code == "config-unknown-key"
    assert error.message.startswith(f"tree.toml line {line}: unknown key")
    assert f"Did you mean '{near}'?" in error.message
    assert near in error.hint


def test_a_missing_key_is_named_with_its_table() -> None:
    error = refusal(GOOD.replace("size = 2\n", ""))
    assert error.code == "config-missing-key"
    assert "tree.toml line 6" in error.message
    assert "'size'" in error.message


def test_a_wrong_type_is_named_with_its_value_and_line() -> None:
    error = refusal(GOOD.replace("size = 2", 'size = "two"'))
    assert error.code == "config-wrong-value"
    assert "line 7" in error.message
    assert "'two'" in error.message
    assert "Expected `int`" in error.message


def test_a_syntax_error_has_the_line_of_the_parser() -> None:
    error = refusal(GOOD.replace('"oak"', "oak"))
    assert error.code == "config-syntax"
    assert "line 1" in error.message


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "tree.toml").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        toml.read(tmp_path / "tree.toml", Tree)
    assert caught.value.code == "config-unreadable"


class Oak(Record, tag_field="kind", tag="oak"):
    acorns: int


class Fir(Record, tag_field="kind", tag="fir"):
    cones: int


class Wood(Record):
    trees: Annotated[tuple[Oak | Fir, ...], Meta(min_length=1)]


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ('kind = "fur"\ncones = 1', "Did you mean 'fir'?", "use one of: oak, fir"),
        ('kind = "fir"\ncone = 1', "Did you mean 'cones'?", "known keys here: cones"),
    ],
)
def test_of_several_kinds_the_one_that_is_named_counts(text: str, words: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        toml.parse(f"[[trees]]\n{text}\n", "wood.toml", Wood)
    assert words in caught.value.message
    assert caught.value.hint == hint
