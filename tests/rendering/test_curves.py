"""Curves: every finite value is in the picture, no other is, and texts are escaped."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from trueup.rendering import curves
from trueup.rendering.curves import Curve

POINTS = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats()), max_size=12)


@given(st.lists(POINTS, min_size=1, max_size=3))
def test_every_place_is_inside_the_picture(lines: list[list[tuple[int, float]]]) -> None:
    drawn = curves.svg(
        [Curve("a", sorted(points, key=lambda p: p[0])) for points in lines], "a & b"
    )
    finite = [v for points in lines for _, v in points if math.isfinite(v)]
    assert bool(drawn) == bool(finite)
    if not drawn:
        return
    root = ET.fromstring(drawn)
    assert root[0].text == "a & b"
    numbers = [float(n) for n in re.findall(r"[ML](\S+) (\S+?)(?=[ML\"])", drawn) for n in n]
    assert all(0 <= number <= 560 for number in numbers)


def test_a_value_that_is_no_number_leaves_a_gap() -> None:
    drawn = curves.svg([Curve("a", [(0, 1.0), (1, 2.0), (2, math.nan), (3, 1.0)])], "a")
    assert drawn.count("M") == 2
    assert drawn.count("<circle") == 1


def test_a_small_curve_has_one_line_from_its_first_to_its_last_step() -> None:
    drawn = curves.spark([(0, 2.0), (1, math.nan), (2, 1.0)], "<loss>")
    assert 'points="1.0,1.0 91.0,21.0"' in drawn
    assert "&lt;loss&gt;" in drawn
    assert curves.spark([(0, 1.0), (1, math.nan)], "too few") == ""
    assert "NaN" not in curves.spark([(0, 1.0), (0, 1.0)], "one step, one value")
    assert "inf" not in curves.spark([(0, -1.7e308), (9, 1.7e308)], "huge")
