"""What people are told of a log leaves out what nobody printed for them."""

from __future__ import annotations

from pathlib import Path

from trueup.lifecycle.runs import logs

DUMPED = """\
about to
Fatal Python error: Segmentation fault

Current thread 0x00007f75654b0b80 (most recent call first):
  File "/project/pipelines/flights.py", line 15 in measure
  File "/lib/trueup/lifecycle/pipeline/passing/handing.py", line 121 in perform
  File "/lib/trueup/backends/engines/_server.py", line 319 in main
  File "<string>", line 1 in <module>

Extension modules: msgspec._core (total: 1)
"""


def test_the_last_thing_said_by_a_crash_is_the_line_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(DUMPED)
    said = logs.tail(tmp_path / "log")
    assert said[0] == "about to"
    assert said[-1] == '  File "/project/pipelines/flights.py", line 15 in measure'


def test_a_stream_leaves_out_what_is_only_for_the_record(tmp_path: Path) -> None:
    warning = "[IPKernelApp] WARNING | Kernel is running over TCP without encryption. All of it"
    (tmp_path / "log").write_text(f"{warning}\n{DUMPED}")
    follower = logs.Follower(tmp_path / "log")
    streamed = list(follower.lines(to_the_end=True))
    follower.close()
    assert streamed == DUMPED.splitlines()[:-1]
