"""What goes into a pipe is what rich would have written there."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as some
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from trueup.doors.cli.terminal import output, plain

WORDS = some.text(
    some.characters(min_codepoint=32, max_codepoint=126) | some.sampled_from("—✓≡·\t"), max_size=12
).filter(lambda word: "\\" not in word)  # which rich takes for a part of the tag behind it
NAMES = some.text(some.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


def by_rich(shown: Text | Table) -> str:
    file = io.StringIO()
    Console(file=file, highlight=False, soft_wrap=isinstance(shown, Text), width=400).print(shown)
    return file.getvalue()


@given(some.sampled_from(["[yellow]note:[/] {}", "\n{} of \\[x] [bold red]{}[/bold red]."]), WORDS)
def test_a_sentence(template: str, word: str) -> None:
    values = [word] * template.count("{}")
    expected = by_rich(Text.from_markup(template.format(*map(escape, values)), emoji=False))
    file = io.StringIO()
    plain.write(file, plain.untagged(template).format(*values))
    assert file.getvalue() == expected


@given(some.data())
def test_a_table(data: some.DataObject) -> None:
    width = data.draw(some.integers(1, 4))
    heads = data.draw(some.lists(NAMES, min_size=width, max_size=width))
    rows = data.draw(some.lists(some.lists(NAMES, min_size=width, max_size=width), max_size=4))
    right = data.draw(some.lists(some.booleans(), min_size=width, max_size=width))
    grid = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name, is_right in zip(heads, right, strict=True):
        grid.add_column(Text(name), justify="right" if is_right else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*map(Text, row))
    drawn = plain.table(heads, rows, right, 400)
    assert drawn is not None
    assert drawn + "\n" == by_rich(grid)


def test_a_table_that_is_too_wide_or_has_wide_letters_is_left_to_rich() -> None:
    assert plain.table(["a"], [["x" * 401]], [False], 400) is None
    assert plain.table(["a"], [["行"]], [False], 400) is None


@pytest.mark.parametrize(
    ("name", "value", "is_plain"),
    [("FORCE_COLOR", "1", False), ("FORCE_COLOR", "", True), ("TTY_COMPATIBLE", "1", False)],
)
def test_whoever_forces_colours_gets_them(
    name: str, value: str, is_plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    file = io.StringIO()
    assert plain.is_plain(file) is is_plain
    assert Console(file=file).is_terminal is not is_plain


def test_a_forced_colour_reaches_the_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    output._words.cache_clear()
    output.line(("done", "bold"))
    output._words.cache_clear()
    assert "\x1b[1mdone" in capsys.readouterr().err
