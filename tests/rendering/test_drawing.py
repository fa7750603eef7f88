"""The SVG of what follows from what, and how large drawings are folded."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from trueup.rendering.drawing import Box, Edge, svg
from trueup.rendering.folding import fold

SVG = "{http://www.w3.org/2000/svg}"


def draw(boxes: list[Box], edges: list[Edge]) -> ET.Element:
    drawn = svg(boxes, edges, "A title", "In words.", "it").replace(
        "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1
    )
    return ET.fromstring(drawn)


def test_a_state_is_a_mark_and_a_word_and_the_whole_has_a_title_and_words() -> None:
    boxes = [Box("load", "finished", "✓", "good", href="#a"), Box("fit", "failed", "✕", "bad")]
    root = draw(boxes, [Edge(0, 1)])
    named = {element.get("id"): element.text for element in root if element.get("id")}
    assert named == {"it-title": "A title", "it-words": "In words."}
    assert root.get("aria-labelledby") == "it-title"
    assert [each.text for each in root.iter(f"{SVG}text")] == [
        "load",
        "✓ finished",
        "fit",
        "✕ failed",
    ]
    [link] = root.iter(f"{SVG}a")
    assert link.get("href") == "#a"
    assert link.findtext(f"{SVG}title") == "load: finished"


def test_what_users_write_is_text_and_is_cut_to_fit() -> None:
    root = draw([Box("<script>" + "x" * 60, href='#"><script>')], [])
    [shown] = root.iter(f"{SVG}text")
    assert (shown.text or "").startswith("<script>xxx")
    assert (shown.text or "").endswith("…")
    assert root.find(f"{SVG}a") is not None


def test_shapes_tell_apart_what_colours_do() -> None:
    boxes = [Box("d", shape="data"), Box("m", shape="many"), Box("c", shape="choice")]
    root = draw([*boxes, Box("p", is_pale=True)], [Edge(0, 1), Edge(1, 3, is_dashed=True)])
    groups = {each.findtext(f"{SVG}text"): each for each in root.iter(f"{SVG}g")}
    assert [len(groups[name].findall(f"{SVG}rect")) for name in "dmcp"] == [1, 3, 0, 1]
    assert "pale" in (groups["p"].get("class") or "")
    assert [p.get("class") for p in root.findall(f"{SVG}path")] == ["line", "dashed pale", "tips"]


def test_two_hundred_steps_become_a_few_boxes() -> None:
    """A row of 120 and 80 beside each other, as `for` loops make them."""
    start, total = Box("start"), Box("total")
    row = [Box(f"add-{n}", "finished", "✓", kin="add") for n in range(120)]
    beside = [Box(f"take-{n}", "finished", "✓", kin="take") for n in range(80)]
    boxes = [start, *row, *beside, total]
    edges = [Edge(n, n + 1) for n in range(120)]
    edges += [Edge(0, 121 + n) for n in range(80)] + [Edge(n, 201) for n in range(120, 201)]
    folded, joined = fold(boxes, edges)
    assert [(box.label, box.note) for box in folded] == [
        ("start", ""),
        ("add-0 … add-119", "120 steps, finished"),
        ("take-0 … take-79", "80 steps, finished"),
        ("total", ""),
    ]
    assert sorted(joined) == [Edge(0, 1), Edge(0, 2), Edge(1, 3), Edge(2, 3)]


def test_what_failed_is_never_hidden_among_what_did_not() -> None:
    row = [Box(f"s{n}", "finished", "✓", "good", kin="s") for n in range(60)]
    row[30] = Box("s30", "failed", "✕", "bad", kin="s failed")
    folded, _ = fold(row, [Edge(n, n + 1) for n in range(59)])
    assert [box.label for box in folded] == ["s0 … s29", "s30", "s31 … s59"]


def test_a_small_drawing_is_left_as_it_is() -> None:
    boxes = [Box(f"s{n}", kin="s") for n in range(40)]
    assert fold(boxes, []) == (boxes, [])
