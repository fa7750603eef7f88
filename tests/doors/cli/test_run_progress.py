"""How a run shows itself on a real terminal: nothing is left over, every width is kept."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import textwrap
from pathlib import Path

import pytest

from trueup.doors.cli.run.progress import Steps
from trueup.lifecycle.runs.records import StepProgress

from .conftest import SOURCES
from .screen import Screen

PRELUDE = """
import os, time
from pathlib import Path
from trueup.doors.cli.run.progress import Steps
from trueup.lifecycle.runs.records import StepProgress

def tell(steps, step, position, state, **more):
    steps.tell(StepProgress("r", step, position, 200, state, **more))

log = Path("log")
log.write_bytes(
    b"\\x1b[2J\\x1b[31mred\\x1b[0m words that are wider than a narrow terminal\\n10 %\\r55 %\\r99 %"
)
"""


def on_a_terminal(
    folder: Path, program: str, width: int = 80, height: int = 24, **environment: str
) -> tuple[Screen, str]:
    """The screen after a program has ended, and all that it wrote."""
    (folder / "program.py").write_text(PRELUDE + textwrap.dedent(program))
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "program.py"],
        cwd=folder,
        stdin=side,
        stdout=side,
        stderr=side,
        env=clean | {"PYTHONPATH": SOURCES, "TERM": "xterm-256color"} | environment,
    )
    os.close(side)
    raw = b""
    while True:
        try:
            piece = os.read(main, 1 << 16)
        except OSError:  # Linux says so when the other side is closed
            break
        if not piece:
            break
        raw += piece
    os.close(main)
    assert process.wait(20) == 0, raw.decode()
    text = raw.decode()
    screen = Screen(width)
    screen.feed(text)
    return screen, text


MANY = """
with Steps() as steps:
    for n in range(1, 201):
        tell(steps, f"step-{n}", n, "started", log=str(log))
        if n == 100:
            time.sleep(0.4)
        tell(steps, f"step-{n}", n, "finished", seconds=0.5, why=("it has not run before " * 5,))
print("the end")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (200, 50)])
def test_two_hundred_steps_leave_one_line_each(tmp_path: Path, width: int, height: int) -> None:
    screen, text = on_a_terminal(tmp_path, MANY, width, height)
    assert len(screen.shown) == 201
    assert screen.shown[0].startswith("✓ step-1 ")
    assert screen.shown[-2].startswith("✓ step-200 ")
    assert screen.shown[-1] == "the end"
    assert screen.widest <= width
    assert not screen.is_cursor_hidden
    assert "99 of 200 steps" in text
    assert "\x1b[2J" not in text  # what a step prints does not rule the terminal
    assert "99 %" in text  # the last state of a line that is written over and over


ITEMS = """
with Steps() as steps:
    tell(steps, "wait", 2, "starting", log=str(log))
    time.sleep(0.3)
    for n in range(64):
        tell(steps, f"fit[{n}]", 1, "started", item=n, items=1000, log=str(log))
    tell(steps, "fit[0]", 1, "failed", item=0, items=1000, ended=1, why=("it has not run before",))
    tell(steps, "fit[1]", 1, "retried", item=1, items=1000, ended=500, why=("no memory",))
    time.sleep(0.4)
    tell(steps, "fit", 1, "failed", items=1000, why=("it has not run before",))
"""


@pytest.mark.slow
def test_many_items_are_a_bar_and_as_many_lines_as_fit(tmp_path: Path) -> None:
    screen, text = on_a_terminal(tmp_path, ITEMS, 40, 10)
    assert re.search("wait +starting", text), "it takes no time before its worker is there"
    assert "500 of 1,000" in text
    assert " others" in text
    assert [line.split()[:2] for line in screen.shown] == [
        ["✕", "fit[0]"],
        ["▲", "fit[1]"],
        ["✕", "fit"],
    ]
    assert "no memory" in screen.shown[1]
    assert "it has not run before" not in text  # that is no reason to fail
    assert screen.widest <= 40


@pytest.mark.slow
def test_stopping_leaves_no_line_behind(tmp_path: Path) -> None:
    screen, _ = on_a_terminal(
        tmp_path,
        """
        try:
            log.write_bytes(b"wide " * 100 + b"\\n")
            with Steps() as steps:
                tell(steps, "wait", 1, "started", log=str(log))
                time.sleep(0.4)
                os.write(2, b"^C")  # as a terminal does
                tell(steps, "wait", 1, "interrupted", seconds=0.4, why=("new",))
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            print("Stopped.")
        """,
    )
    assert [line.split()[:2] for line in screen.shown] == [["■", "wait"], ["Stopped."]]
    assert not screen.is_cursor_hidden


@pytest.mark.slow
def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(tmp_path: Path) -> None:
    screen, text = on_a_terminal(tmp_path, MANY.replace("201", "4"), TERM="dumb")
    assert "\x1b" not in text
    assert "step-1 | red words that are wider" in text
    assert "step-3 | 99 %" in text
    assert len([line for line in screen.shown if line.startswith("✓")]) == 3


@pytest.mark.slow
def test_without_colour_states_are_still_told(tmp_path: Path) -> None:
    screen, text = on_a_terminal(tmp_path, ITEMS, NO_COLOR="1")
    assert "\x1b[3" not in text
    assert screen.shown[0].startswith("✕ fit[0]")
    assert "━" in text
    assert "─" in text


def test_the_display_never_waits_for_one_who_prints() -> None:
    """The one who prints waits for the display: both waiting would be for ever."""
    steps = Steps(logs=False)
    told = StepProgress(run="r", step="fit", position=1, total=1, state="started", log="none")
    steps.tell(told)
    with steps._lock:
        assert steps._renderable() is steps._picture
