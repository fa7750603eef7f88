"""Programs as steps: existing scripts run unchanged, and no data becomes syntax."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from trueup import data, each, pipeline, sh, step
from trueup.foundation.errors import UsageError, UserCodeError
from trueup.lifecycle.pipeline.drawing import graph
from trueup.lifecycle.runs.execution import addressing

OLD = """
import sys
from helper import total
rows, out = sys.argv[1], sys.argv[3]
open(out, "w").write(str(total(rows)))
print("done")
"""
HELPER = """
import polars as pl
def total(file):
    return pl.read_parquet(file)["delay"].sum()
"""
FRAME = pl.DataFrame({"delay": [5, 90]})


@step
def rows() -> pl.DataFrame:
    return FRAME


@step
def text_of(file: Path) -> str:
    assert not file.stat().st_mode & 0o222
    return file.read_text()


@pytest.fixture
def old(bench: Any) -> Any:
    bench.write("scripts/old.py", OLD)
    bench.write("scripts/helper.py", HELPER)
    return bench


def test_an_existing_script_runs_unchanged(old: Any) -> None:
    def flights() -> None:
        fitted = sh(
            "python scripts/old.py {rows} --out {total}",
            inputs={"rows": rows()},
            outputs={"total": "total.txt"},
        )
        text_of(fitted["total"])

    _, ran, read = old.run(flights)
    assert (ran.kind, ran.parts["total"].kind, ran.parts["total"].format) == (
        "parts",
        "file",
        ".txt",
    )
    assert old.load(read) == "95"
    assert not list((old.root / ".trueup" / "scratch").iterdir())
    assert not (old.root / "total.txt").exists()


def test_a_result_is_given_as_a_file_of_its_kind(bench: Any) -> None:
    @step
    def plain() -> dict[str, int]:
        return {"b": 2, "a": 1}

    def flights() -> None:
        made = sh("cat {settings}", inputs={"settings": plain()}, outputs={}, shell=False)
        del made
        copied = sh(
            "cp {settings} {copy}", inputs={"settings": plain()}, outputs={"copy": "copy.json"}
        )
        text_of(copied["copy"])

    *_, read = bench.run(flights)
    assert bench.load(read) == '{"a":1,"b":2}'


@pytest.mark.parametrize(
    "hostile", ["; touch pwned", "$(touch pwned)", "`touch pwned`", "a b\nc", "' \" \\", "--help x"]
)
def test_no_data_becomes_syntax(bench: Any, hostile: str) -> None:
    code = "import sys; print(repr(sys.argv[1:]), file=open(sys.argv[-1], 'w'))"
    bench.write("show.py", code)

    def flights() -> None:
        for shell in (False, True):
            command = '"$say" "x$say" "$out"' if shell else "{say} x{say} {out}"
            shown = sh(
                f"python show.py {command}",
                parameters={"say": hostile},
                outputs={"out": "out.txt"},
                shell=shell,
            )
            text_of(shown["out"])

    _, first, _, second = bench.run(flights)
    for read in (first, second):
        assert bench.load(read).startswith(f"{[hostile, 'x' + hostile]!r}"[:-1])
    assert not (bench.root / "pwned").exists()


def test_a_command_for_the_shell_gets_variables(bench: Any) -> None:
    def flights() -> None:
        made = sh(
            'printf "%s" "$n" | tr 3 4 > "$out"',
            parameters={"n": 13},
            outputs={"out": "n.txt"},
            shell=True,
        )
        text_of(made["out"])

    assert bench.load(bench.run(flights)[1]) == "14"


def test_an_output_at_a_fixed_place_is_taken_from_the_project(bench: Any) -> None:
    bench.write("fit.py", "open('model.txt', 'w').write('fitted')")

    def flights() -> None:
        sh("python fit.py", outputs={"model": "model.txt"})

    [ran] = bench.run(flights)
    assert bench.load(ran.parts["model"]).read_text() == "fitted"
    bench.write("fit.py", "pass")
    with pytest.raises(UserCodeError, match="it did not write its output 'model'"):
        bench.run(flights)


def test_a_folder_can_be_an_output(bench: Any) -> None:
    def flights() -> None:
        sh("touch {plots}/a.svg {plots}/b.svg", outputs={"plots": "plots/"})

    [ran] = bench.run(flights)
    assert ran.parts["plots"].kind == "folder"


@pytest.mark.parametrize(
    ("command", "outputs", "message"),
    [
        ("sh -c 'echo one; echo two >&2; exit 3'", {}, "ended with exit code 3: two"),
        ("sh -c 'kill -9 $$'", {}, "was ended by SIGKILL"),
        ("true {out}", {"out": "x"}, "did not write its output 'out'"),
        ("mkdir {out}", {"out": "x"}, "it wrote a folder as its output"),
        ("no-such-program", {}, "could not be started"),
    ],
)
def test_a_program_that_fails_is_the_users_error(
    bench: Any, command: str, outputs: Any, message: str
) -> None:
    def flights() -> None:
        sh(command, outputs=outputs)

    with pytest.raises(UserCodeError, match=message) as caught:
        bench.run(flights)
    assert caught.value.context["line"] == flights.__code__.co_firstlineno + 1


def test_the_tail_of_the_output_is_in_the_error(bench: Any) -> None:
    def flights() -> None:
        sh("sh -c 'seq 100; exit 1'")

    with pytest.raises(UserCodeError) as caught:
        bench.run(flights)
    assert caught.value.context["tail"][-2:] == ["99", "100"]
    assert len(caught.value.context["tail"]) <= 20


def test_what_the_program_prints_is_printed(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def flights() -> None:
        sh("sh -c 'echo out; echo err >&2'")

    bench.run(flights)
    assert capsys.readouterr().out == "out\nerr\n"


def test_the_key_is_made_of_the_files_that_the_command_stands_on(old: Any) -> None:
    def flights() -> None:
        sh("python scripts/old.py {rows} --config=conf/a.toml", inputs={"rows": data("rows")})

    old.write("conf/a.toml", "a = 1")

    def key() -> Any:
        node = pipeline(flights).draw({}, old.root).nodes[0]
        stored = old.store(FRAME)
        found, _ = addressing.components(node.called, node.arguments, old.root, lambda _: stored)
        return found

    node = pipeline(flights).draw({}, old.root).nodes[0]
    assert node.name == "old"
    assert set(node.called.options.depends_on) == {
        "scripts/old.py",
        "scripts/helper.py",
        "conf/a.toml",
    }
    assert "polars" in node.arguments["libraries"]
    before = key()
    assert before == key()
    for file in ("scripts/helper.py", "conf/a.toml", "scripts/old.py"):
        old.write(file, (old.root / file).read_text() + "\n# another\n")
        assert key() != before, file
        before = key()


def test_a_file_of_the_project_can_be_an_input(bench: Any) -> None:
    bench.write("sql/rows.sql", "select 1")

    def flights() -> None:
        made = sh(
            "cp {query} {out}",
            inputs={"query": Path("sql/rows.sql")},
            outputs={"out": "out.sql"},
        )
        text_of(made["out"])

    drawn = pipeline(flights).draw({}, bench.root)
    assert drawn.nodes[0].called.options.depends_on == ("sql/rows.sql",)
    assert bench.load(bench.run(flights)[1]) == "select 1"


def test_options_are_those_of_steps(bench: Any) -> None:
    def flights() -> None:
        sh("true", name="nothing", retries=2, timeout="1m", depends_on=["a.txt"], cache=False)

    [node] = pipeline(flights).draw({}, bench.root).nodes
    assert (node.name, node.called.options.retries) == ("nothing", 2)
    assert node.called.options.depends_on == ("a.txt",)


def test_python_is_that_of_this_environment(bench: Any) -> None:
    def flights() -> None:
        made = sh(
            "python -c 'import sys; print(sys.prefix, file=open(sys.argv[1], \"w\"))' {out}",
            outputs={"out": "o"},
        )
        text_of(made["out"])

    assert bench.load(bench.run(flights)[1]).strip() == sys.prefix


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sh("echo 'a"), "cannot be split into words: No closing quotation"),
        (lambda: sh(""), "the command is empty"),
        (lambda: sh("cat {row}", inputs={"rows": rows()}), r"'\{row\}' .* Did you mean 'rows'"),
        (lambda: sh("cat {a}", inputs={"a": 3}), "neither a result of a step nor a file"),
        (lambda: sh("cat {a}", inputs={"a": "../x"}), "no path below the project"),
        (lambda: sh("cat {a}", inputs={"a": "/etc/passwd"}), "no path below the project"),
        (lambda: sh("cat {a}", outputs={"a": "/tmp/x"}), "no path below the project"),
        (lambda: sh("cat {a}", outputs={"a": 3}), "is 3 and no file name"),  # type: ignore[dict-item]
        (lambda: sh("x", outputs={"a": "x", "b": "./x/"}), "two outputs have one path"),
        (lambda: sh("x {a}", inputs={"a": "x"}, outputs={"a": "y"}), "'a' names two things"),
        (lambda: sh("x", parameters={"PATH": "x"}), "a small letter first"),
        (lambda: sh("x", parameters={"a": rows()}), "the parameter 'a' is"),
        (lambda: sh("cat {a}", inputs={"a": "x"}, shell=True), "nothing is filled into"),
        (lambda: sh("true", retry=1), "Did you mean 'retries'"),
    ],
)
def test_a_wrong_call_is_refused_where_it_stands(bench: Any, call: Any, message: str) -> None:
    def flights() -> None:
        call()

    with pytest.raises(UsageError, match=message) as caught:
        pipeline(flights).draw({}, bench.root)
    assert caught.value.message.startswith("test_shell.py:")


def test_braces_that_name_nothing_stay(bench: Any) -> None:
    def flights() -> None:
        made = sh(
            """sh -c 'echo "$1" > "$2"' x '{"a": {"b": 1}} {{name}}' {out}""",
            outputs={"out": "o"},
        )
        text_of(made["out"])

    assert bench.load(bench.run(flights)[1]) == '{"a": {"b": 1}} {name}\n'


def test_outside_a_pipeline_it_says_what_to_do() -> None:
    with pytest.raises(UsageError) as caught:
        sh("true")
    assert caught.value.code == "outside-pipeline"


def test_a_link_out_of_the_project_is_no_input(bench: Any) -> None:
    (bench.root / "out.txt").symlink_to("/etc/hostname")

    def flights() -> None:
        sh("cat {a}", inputs={"a": "out.txt"})

    with pytest.raises(UserCodeError, match="outside the project"):
        bench.run(flights)


def test_files_of_a_program_can_be_mapped_over(bench: Any) -> None:
    @step
    def size(files: list[Path], one: Path, number: int) -> int:
        return len(files) + len(one.read_text()) + number

    def flights() -> None:
        made = sh("cp {a} {b}", inputs={"a": rows()}, outputs={"b": "b"})
        size.map([[made["b"], made["b"]]], one=each([made["b"]]), number=1)

    node = pipeline(flights).draw({}, bench.root).nodes[2]
    assert node.over == ("files", "one")
    file = bench.root / "x.txt"
    file.write_text("abc")
    stored = bench.store(file)
    given = graph.replaced({"files": node.arguments["files"][0]}, lambda _o: stored)
    found = bench.perform(size, **given, one=stored, number=1)
    assert bench.load(found) == 6
