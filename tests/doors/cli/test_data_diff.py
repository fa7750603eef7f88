"""`trueup data diff`: what it prints, word by word, and the page that it writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from .conftest import Trueup

GOLDEN = """\
data:rows@1 → data:rows@2

files    0 added, 0 removed, 1 changed, 0 the same
  ~ rows.csv  24 B → 37 B

rows     3 → 4, matched by value (found: unique in both)
  + 2 added
  − 1 removed
  ~ 1 changed
  = 1 the same

columns
  + note  String

values  changed   missing  mean             before  after  shift                 PSI
value   0         0 → 0    2 → 3            ▅▅▅     ▄▄█    too few rows to tell    0
label   1 (50 %)  0 → 1    0.6667 → 0.6667  ▄█      ▄█     too few rows to tell    0
"""


@pytest.fixture
def twice(project: Path, trueup: Trueup) -> Path:
    """A project with two versions of its rows."""
    assert trueup("data", "snapshot", "rows").code == 0
    (project / "data/rows.csv").write_text("value,label,note\n1,0,\n2,,\n4,1,x\n5,1,\n")
    assert trueup("data", "snapshot", "rows").code == 0
    return project


def test_two_versions_in_words(twice: Path, trueup: Trueup) -> None:
    ran = trueup("data", "diff", "data:rows@1", "rows@2")
    assert ran.code == 0
    assert re.sub(r" +$", "", ran.out, flags=re.MULTILINE) == GOLDEN
    assert re.search(r"Compared in [\d.]+ (ms|s), at most [\d.]+ [MG]iB of memory\.", ran.err)
    assert "next: trueup why data:rows@2" in ran.err


def test_one_dataset_is_compared_with_the_work_tree(twice: Path, trueup: Trueup) -> None:
    (twice / "data/rows.csv").write_text("value,label,note\n1,0,\n")
    for named in ("rows", "data/rows.csv", "data:rows"):
        ran = trueup("data", "diff", named)
        assert ran.out.startswith("data:rows@2 → data/rows.csv\n"), ran
        assert "  − 3 removed\n" in ran.out
    assert "next: trueup data snapshot rows" in ran.err


def test_json_says_the_same(twice: Path, trueup: Trueup) -> None:
    data: Any = trueup("data", "diff", "rows@1", "rows@2", "--json", "--key", "value").data
    assert data["table"]["rows"] == {
        "matched": "given",
        "key": ["value"],
        "repeated": 0,
        "added": 2,
        "removed": 1,
        "changed": 1,
        "same": 1,
    }


def test_nothing_differs(twice: Path, trueup: Trueup) -> None:
    ran = trueup("data", "diff", "rows@2", "rows@2")
    assert "0 added, 0 removed, 0 changed, 1 the same" in ran.out
    assert "rows" not in ran.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("rows@1", "rows@9"), 3, "There is no snapshot data:rows@9."),
        (("rows@1", "rows@2", "--key", "valu"), 2, "Did you mean 'value'?"),
        (("nothing",), 3, "There is no snapshot data:nothing."),
        (("rows@1", "/etc/hosts"), 2, "leads out of the project"),
    ],
)
def test_what_cannot_be_compared_is_said(
    arguments: tuple[str, ...], code: int, said: str, twice: Path, trueup: Trueup
) -> None:
    ran = trueup("data", "diff", *arguments)
    assert (ran.code, said in ran.err) == (code, True), ran
    assert "Traceback" not in ran.err


def test_a_page_needs_nothing_else_and_holds_no_rows(
    project: Path, trueup: Trueup, tmp_path: Path
) -> None:
    many = range(4_000)
    columns = {f"c{place}": [(n * (place + 3)) % 50 for n in many] for place in range(30)}
    before = pl.DataFrame({"id": many, "name": [f"secret-{n}" for n in many], **columns})
    before.write_parquet(project / "a.parquet")
    before.with_columns(pl.exclude("id", "name") * 2).write_parquet(project / "b.parquet")
    page = tmp_path / "page.html"
    assert trueup("data", "diff", "a.parquet", "b.parquet", "--html", str(page)).code == 0
    html = page.read_text(encoding="utf-8")
    assert len(html.encode()) < 500_000
    assert "secret-" not in html
    assert not re.search(r'(src|href)="(?!data:image/svg|#)', html)
    assert html.count("<svg class") == 31  # the names have none
    assert html.count("<figure") == 6
    assert (
        trueup("data", "diff", "a.parquet", "b.parquet", "--html", str(page), "--rows", "1").code
        == 0
    )
    assert "secret-" in page.read_text(encoding="utf-8")
