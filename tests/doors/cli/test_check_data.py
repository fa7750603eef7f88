"""`trueup check data` and `trueup data schema`: from rows to an exit code that CI can rely on."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import polars as pl
import pytest

from .conftest import Trueup


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a project: rows, fresh rows, and rows with faults."""
    monkeypatch.chdir(tmp_path)
    for name, seed in (("sales", 1), ("fresh", 2)):
        r = np.random.default_rng(seed)
        x = r.normal(size=1500)
        rows = pl.DataFrame(
            {
                "x": x,
                "price": np.exp(r.normal(size=1500)),
                "kind": r.choice(["a", "b"], 1500),
                "sold": (r.random(1500) < 1 / (1 + np.exp(-x))).astype(int),
            }
        )
        rows.write_parquet(f"{name}.parquet")
    rows.with_columns(
        refund=pl.when(pl.col("sold") == 1).then(1.0),
        contact=pl.lit("ann@example.com"),
        kind=pl.lit("c"),
    ).write_csv("bad.csv")
    return tmp_path


def test_without_options_it_says_what_ran_and_what_others_need(shop: Path, trueup: Trueup) -> None:
    ran = trueup("check", "data", "sales.parquet")
    assert ran.code == 0
    assert "trueup data schema infer sales.parquet makes one" in ran.out
    assert "neither a label nor rows that a model learned from are known here" in ran.out
    assert ran.out.count("passed") == 4  # all, conflicts, outliers, privacy


def test_a_schema_is_inferred_kept_and_used(shop: Path, trueup: Trueup) -> None:
    assert trueup("data", "schema", "infer", "sales.parquet", "--label", "sold").code == 0
    text = Path("schemas/sales.toml").read_text()
    assert text.startswith("# What the rows of sales must look like.")
    assert trueup("check", "data", "sales.parquet").code == 0
    schema = ("--schema", "schemas/sales.toml")
    ran = trueup("check", "data", "fresh.parquet", *schema)
    assert (ran.code, "label sold" in ran.out) == (0, True)
    ran = trueup("check", "data", "fresh.parquet", *schema, "--environment", "serving")
    assert ran.code == 6
    assert "sold: the column belongs to training" in ran.out


def test_an_edited_limit_is_never_written_over_silently(shop: Path, trueup: Trueup) -> None:
    trueup("data", "schema", "infer", "sales.parquet", "--label", "sold")
    file = Path("schemas/sales.toml")
    edited = "# mine\n" + file.read_text().replace("missing = 0.005", "missing = 0.0", 1)
    file.write_text(edited)
    ran = trueup("data", "schema", "infer", "sales.parquet")
    assert (ran.code, file.read_text()) == (0, edited)
    assert "stays as it is" in ran.err
    assert "missing" in ran.out
    assert trueup("data", "schema", "infer", "sales.parquet", "--replace").code == 0
    assert "# mine" not in file.read_text()
    assert trueup("data", "schema", "diff", "sales", "sales.parquet").out == ""


def test_faults_are_refused_in_every_form(shop: Path, trueup: Trueup) -> None:
    trueup("data", "schema", "infer", "sales.parquet", "--label", "sold")
    reports = ("--html", "out/r.html", "--junit", "out/r.xml")
    ran = trueup("check", "data", "bad.csv", "--schema", "schemas/sales.toml", *reports)
    assert ran.code == 6
    for said in ("refund: alone it tells the label by whether", "kind: 1,500 of 1,500 rows"):
        assert said in ran.out
    suite = Xml.fromstring(Path("out/r.xml").read_text())[0]
    failed = {(c.get("classname"), c.get("name")) for c in suite if c.find("failure") is not None}
    assert ("data.leakage", "refund") in failed
    assert not any(name == "data.privacy" for name, _ in failed)
    page = Path("out/r.html").read_text()
    assert "ann@example.com" not in page + Path("out/r.xml").read_text() + ran.out
    assert len(page) < 100_000
    found = json.loads(trueup("check", "data", "bad.csv", "--label", "sold", "--json").out)
    assert found["outcome"] == "FAILED"
    only = trueup("check", "data", "bad.csv", "--only", "outliers", "--only", "privacy")
    assert only.code == 0


def test_rows_learned_from_are_found(shop: Path, trueup: Trueup) -> None:
    ran = trueup("check", "data", "sales.parquet", "--trained-on", "sales.parquet")
    assert (ran.code, "1,500 of 1,500 rows are also training rows" in ran.out) == (6, True)
    assert trueup("check", "data", "fresh.parquet", "--trained-on", "sales.parquet").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nope.parquet",), 3, "nope.parquet"),
        (("sales.parquet", "--label", "slod"), 2, "Did you mean 'sold'?"),
        (("sales.parquet", "--time", "when"), 2, "--time names the column 'when'"),
        (("sales.parquet", "--schema", "x.toml"), 3, "There is no schema file x.toml"),
        (("sales.parquet", "--table", "x"), 2, "is not of the form NAME=FILE"),
        (("twice.csv",), 2, "more than one column of the name 'a'"),
        (("text.txt",), 2, "has no rows"),
        (("broken.parquet",), 2, "broken.parquet"),
        (("empty.csv",), 6, "0 rows"),
        (("head.csv",), 6, "no rows"),
    ],
)
def test_bad_input_is_named_without_a_trace(
    shop: Path, trueup: Trueup, words: tuple[str, ...], code: int, said: str
) -> None:
    Path("twice.csv").write_text("a,a\n1,2\n")
    Path("text.txt").write_text("a,b\n1,2\n")
    Path("broken.parquet").write_bytes(b"PAR1 no")
    Path("empty.csv").write_text("")
    Path("head.csv").write_text("a,b\n")
    ran = trueup("check", "data", *words)
    assert (ran.code, said in ran.out + ran.err) == (code, True), ran
    assert "Traceback" not in ran.err


def test_another_tools_schema_is_taken_over(shop: Path, trueup: Trueup) -> None:
    suite = {
        "name": "sales",
        "expectations": [
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "kind", "value_set": ["a", "b"]},
            },
            {"type": "expect_the_moon", "kwargs": {}},
        ],
    }
    Path("suite.json").write_text(json.dumps(suite))
    ran = trueup("data", "schema", "import", "suite.json")
    assert (ran.code, "expect_the_moon" in ran.out) == (0, True)
    assert trueup("check", "data", "fresh.parquet", "--schema", "schemas/sales.toml").code == 0
    assert trueup("check", "data", "bad.csv", "--schema", "schemas/sales.toml").code == 6
    assert trueup("data", "schema", "import", "suite.json").code == 4
    assert trueup("data", "schema", "import", "sales.parquet").code == 2
    assert trueup("data", "schema", "show", "sales").code == 0
