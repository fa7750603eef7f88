"""Two distributions in one picture: shares of their own rows, words for who does not see it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from trueup.rendering import pairs, report
from trueup.rendering.report import Card, Section

NAMES = ["a", "b <i>", "all others"]


def widths(drawn: str, kind: str) -> list[float]:
    return [float(w) for w in re.findall(rf'class="{kind}"[^>]* width="([\d.]+)"', drawn)]


def test_bars_are_shares_and_the_rest_does_not_hide_them():
    drawn = pairs.bars(NAMES, [10, 10, 80], [100, 300, 600], "title", rest="all others")
    ET.fromstring(drawn)
    was, now = widths(drawn, "was"), widths(drawn, "now")
    assert was[0] == was[1] == pytest.approx(now[0])
    assert now[1] == pytest.approx(3 * now[0], rel=0.01)
    assert was[2] == now[2] == now[1]
    assert "10 % → 30 %" in drawn
    assert "b &lt;i&gt;" in drawn


def test_steps_end_on_their_floor_and_name_three_edges():
    drawn = pairs.steps(["0", "1", "2", "3"], [1, 0, 3], [0, 0, 0], "title <b>")
    tree = ET.fromstring(drawn)
    assert [text.text for text in tree.findall("text")] == ["0", "1", "3"]
    was, now, _ = tree.findall("path")
    assert was.attrib["d"].endswith("V126Z")
    assert set(re.findall(r"V([\d.]+)", now.attrib["d"])) == {"126", "126.0"}
    assert tree.find("title").text == "title <b>"


def test_cards_stand_in_a_report_with_their_key():
    card = Card(title="age <1>", state="changed", words="moved", picture="<svg/>", facts={"p": "0"})
    page = report.html("Drift", [Section(title="All", key=("then", "now"), cards=(card,))])
    assert "age &lt;1&gt;" in page
    assert "▲ changed" in page
    assert page.index("then") < page.index("<article>")
