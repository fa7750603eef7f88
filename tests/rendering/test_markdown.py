"""Error pages as HTML."""

from __future__ import annotations

from trueup.rendering import markdown


def test_markup_becomes_html_and_raw_html_stays_text() -> None:
    assert markdown.to_html("# a\n<script>") == "<h1>a</h1>\n<p>&lt;script&gt;</p>\n"


def test_a_script_link_is_no_link() -> None:
    assert "href" not in markdown.to_html("[x](javascript:alert(1))")


def test_a_known_code_has_its_page() -> None:
    assert "host-refused" in markdown.explained_codes()
    assert (markdown.explanation("host-refused") or "").startswith("# host-refused")


def test_only_a_code_that_has_a_page_is_read() -> None:
    assert markdown.explanation("../charts") is None
    assert markdown.explanation("no-such-code") is None
