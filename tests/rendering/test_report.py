"""A report is one file: nothing in it is fetched, nothing in it runs."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from trueup.rendering import report
from trueup.rendering.report import Section


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.attributes: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_report_holds_its_parts_in_order() -> None:
    sections = [
        Section("Checks", columns=("check", "outcome"), rows=(("limit", "passed"),), states=1),
        Section("Facts", facts={"plan": "b3:12", "empty": ""}),
        Section("Patch", text="-a\n+b"),
    ]
    tags = Tags(report.html("Verdict", sections, state="FAILED", note="today"))
    assert [t for t in tags.seen if t in ("h1", "table", "dl", "pre", "footer")] == [
        "h1",
        "table",
        "dl",
        "pre",
        "footer",
    ]
    assert "✓ passed" in tags.words and "✕ failed" in tags.words.lower()
    assert "empty" not in tags.words


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_words_of_others_stay_words(text: str) -> None:
    section = Section(
        text, words=text, facts={text: text}, columns=(text,), rows=((text,),), text=text
    )
    tags = Tags(report.html(text, [section], note=text))
    plain = Tags(
        report.html("x", [Section("x", "x", {"x": "x"}, ("x",), (("x",),), text="x")], note="x")
    )
    assert tags.seen == plain.seen


def test_nothing_is_fetched_and_nothing_runs() -> None:
    tags = Tags(report.html("x", [Section("<script>alert(1)</script>")]))
    assert not {"script", "link", "img", "iframe"} & set(tags.seen)
    assert not {"src", "href", "onload"} & set(tags.attributes)
