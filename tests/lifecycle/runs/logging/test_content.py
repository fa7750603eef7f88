"""Pictures, tables, figures and charts become files; a run shows itself in a notebook."""

from __future__ import annotations

import io

import msgspec
import polars as pl
import pytest

import trueup
from trueup.foundation.errors import UsageError
from trueup.lifecycle.runs.logging import content, display

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


class Figure:
    def savefig(self, buffer: io.BytesIO, format: str, **_: object) -> None:
        buffer.write(f"<svg/> {format}".encode())


class Axes:
    figure = Figure()


def test_bytes_of_a_picture_are_kept_under_its_ending() -> None:
    assert content.picture("roc", PNG) == ("roc.png", PNG)
    assert content.picture("a.svg", b"<svg/>") == ("a.svg", b"<svg/>")
    with pytest.raises(UsageError, match="no picture"):
        content.picture("roc", b"MZ")


def test_tables_of_every_kind() -> None:
    frame = pl.DataFrame({"a": [1, 2]})
    name, raw = content.table("errors", frame)
    assert name == "errors.parquet"
    assert pl.read_parquet(io.BytesIO(raw)).equals(frame)
    assert content.table("t", frame.lazy())[0] == "t.parquet"
    assert content.table("t", [{"a": 1}, {"b": 2}]) == ("t.csv", b"a,b\n1,\n,2\n")
    assert content.table("t", {"a": [1, 2], "b": ["x", "y"]}) == ("t.csv", b"a,b\n1,x\n2,y\n")
    for wrong in (3, "a,b", {"a": [1], "b": [1, 2]}, [1, 2]):
        with pytest.raises(UsageError, match="no table"):
            content.table("t", wrong)


def test_figures_and_charts() -> None:
    assert content.figure("roc", Figure()) == ("roc.svg", b"<svg/> svg")
    assert content.figure("roc.png", Axes()) == ("roc.png", b"<svg/> png")
    name, raw = content.chart("loss", {"mark": "line"})
    assert (name, msgspec.json.decode(raw)) == ("loss.vl.json", {"mark": "line"})
    for wrong in ("{", 3):
        with pytest.raises(UsageError, match="no chart"):
            content.chart("loss", wrong)


def test_a_run_in_a_notebook_is_small_static_and_safe() -> None:
    shown = display.card(
        name="<script>x</script>",
        ref="run:1",
        experiment="flights",
        state="running",
        page="http://127.0.0.1:1/runs/1",
        params={f"p{n}": "<b>" * 1000 for n in range(500)},
        metrics={"loss": float("nan"), "auc": 0.7312345678},
    )
    assert len(shown.encode()) < 20_000
    assert "<script" not in shown
    assert "<b><b>" not in shown
    assert "0.731235" in shown
    assert 'href="http://127.0.0.1:1/runs/1"' in shown


def test_public_names_carry_no_heavy_library() -> None:
    assert trueup.run.__module__ == "trueup.lifecycle.runs.logging.starting"
