"""Notebooks as steps: parameters go in, outputs and the executed notebook come out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from trueup import notebook, pipeline, step
from trueup.foundation.errors import MissingExtraError, UsageError, UserCodeError
from trueup.lifecycle.runs.execution import addressing

pytest.importorskip("nbclient")


def code(source: str, *tags: str, **more: Any) -> dict[str, Any]:
    lines = source.splitlines(keepends=True)  # as Jupyter writes it
    cell = {"cell_type": "code", "source": lines, "metadata": {}, "execution_count": None}
    return cell | {"outputs": [], "metadata": {"tags": list(tags)} if tags else {}} | more


def book(*cells: dict[str, Any], **metadata: Any) -> str:
    prose = {"cell_type": "markdown", "source": "# Report", "metadata": {}}
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": [prose, *cells]}
    )


REPORT = book(
    code("depth = 3\nname = 'nobody'", "parameters"),
    code("import polars as pl\nfrom helper import twice\nframe = pl.read_parquet(rows)"),
    code("total = twice(frame['delay'].sum()) + depth\nprint(name, total)"),
    code("with open(out, 'w') as file:\n    file.write(f'{name} {total}')"),
)


@step
def rows() -> pl.DataFrame:
    return pl.DataFrame({"delay": [5, 90]})


@step
def text_of(file: Path) -> str:
    return file.read_text()


def report() -> None:
    made = notebook(
        "reports/report.ipynb",
        inputs={"rows": rows()},
        outputs={"out": "out.txt"},
        parameters={"name": 'it\'s "me"'},
    )
    text_of(made["out"])
    text_of(made["notebook"])


@pytest.fixture
def written(bench: Any) -> Any:
    bench.write("reports/report.ipynb", REPORT)
    bench.write("helper.py", "def twice(n):\n    return 2 * n\n")
    return bench


@pytest.mark.slow
def test_a_notebook_runs_with_its_parameters(written: Any) -> None:
    _, ran, out, executed = written.run(report)
    assert ran.parts["notebook"].format == ".ipynb"
    assert written.load(out) == 'it\'s "me" 193'
    cells = json.loads(written.load(executed))["cells"]
    assert [cell["metadata"].get("tags") for cell in cells[1:3]] == [
        ["parameters"],
        ["injected-parameters"],
    ]
    assert "193" in "".join(cells[4]["outputs"][0]["text"])
    assert str(written.root) not in written.load(executed)
    assert json.loads((written.root / "reports/report.ipynb").read_text()) == json.loads(REPORT)


@pytest.mark.slow
def test_a_cell_that_fails_is_the_users_error(bench: Any) -> None:
    bench.write("fail.ipynb", book(code("1"), code("{}['x']")))

    def failing() -> None:
        notebook("fail.ipynb")

    with pytest.raises(UserCodeError, match=r"cell 2 of 'fail.ipynb' failed .*KeyError: 'x'") as e:
        bench.run(failing)
    assert e.value.context["cell"] == 2
    assert e.value.context["line"] == failing.__code__.co_firstlineno + 1


def test_the_key_is_made_of_the_code(written: Any) -> None:
    def key() -> Any:
        node = pipeline(report).draw({}, written.root).nodes[1]
        stored = written.store(1)
        return addressing.components(node.called, node.arguments, written.root, lambda _: stored)[0]

    before = key()
    again = json.loads(REPORT)
    again["metadata"] = {"kernelspec": {"name": "other", "language": "python"}}
    again["cells"][0]["source"] = "# Another title"
    for number, cell in enumerate(again["cells"][1:]):
        cell |= {"execution_count": number, "outputs": [{"output_type": "stream", "text": "x"}]}
    again["cells"].insert(2, code("name = 'x'", "injected-parameters"))
    again["cells"][1]["source"] = "depth = 3\nname = 'nobody'"
    written.write("reports/report.ipynb", json.dumps(again))
    assert key() == before
    assert before is not None
    written.write("reports/report.ipynb", REPORT.replace("depth = 3", "depth = 4"))
    assert key() != before
    written.write("reports/report.ipynb", REPORT)
    written.write("helper.py", "def twice(n):\n    return n + n\n")
    assert key() != before


def test_the_files_and_packages_that_it_imports_belong_to_its_key(written: Any) -> None:
    node = pipeline(report).draw({}, written.root).nodes[1]
    assert node.name == "report"
    assert node.called.options.depends_on == ("helper.py",)
    assert "polars" in node.arguments["libraries"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("{}", "cannot be read"),
        (json.dumps({"nbformat": 3, "cells": []}), "older than version 4"),
        (book(kernelspec={"language": "R"}), "it is written in R"),
    ],
)
def test_what_is_no_notebook_is_refused_before_anything_runs(
    bench: Any, text: str, message: str
) -> None:
    bench.write("x.ipynb", text)

    def flights() -> None:
        notebook("x.ipynb")

    with pytest.raises(UsageError, match=message) as caught:
        pipeline(flights).draw({}, bench.root)
    assert caught.value.code == "notebook-unreadable"
    assert caught.value.message.startswith("test_notebooks.py:")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: notebook("gone.ipynb"), "cannot be read"),
        (lambda: notebook("../x.ipynb"), "no path below the project"),
        (lambda: notebook("x.ipynb", inputs={"notebook": "x"}), "'notebook' names two things"),
        (lambda: notebook("x.ipynb", parameters={"a": rows()}), "the parameter 'a' is"),
        (lambda: notebook("x.ipynb", retry=1), "Did you mean 'retries'"),
    ],
)
def test_a_wrong_call_is_refused(bench: Any, call: Any, message: str) -> None:
    bench.write("x.ipynb", book())

    def flights() -> None:
        call()

    with pytest.raises(UsageError, match=message):
        pipeline(flights).draw({}, bench.root)


def test_outside_a_pipeline_it_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="only inside a @pipeline"):
        notebook("x.ipynb")


def test_without_the_extra_its_install_line_is_shown(
    written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nbformat", None)
    with pytest.raises(MissingExtraError) as caught:
        written.run(report)
    assert caught.value.hint == "pip install 'trueup[notebooks]'"
