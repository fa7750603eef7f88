"""Which edits give a step another fingerprint and which do not: the promise behind the cache."""

from __future__ import annotations

import _heapq
import linecache
import random
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.pipeline.code.fingerprint import of_code
from trueup.lifecycle.pipeline.records import CodeFingerprint

HELPERS = '''
import collections
import enum
import functools
import logging
from dataclasses import dataclass

import numpy as np
import polars as pl

RATE = 2
LIMITS = {"low": 1, "high": [3, 4]}
TABLE = np.array([1.0, 2.0])
FRAME = pl.DataFrame({"a": [1]})
RECENT = pl.col("a") > 3
LOG = logging.getLogger(__name__)
Pair = collections.namedtuple("Pair", "left right")


class Mode(enum.Enum):
    FAST = 1


def shift(x):
    return x + 1


def scale(x):
    """Scale it."""
    return shift(x) * RATE


class Base:
    def offset(self):
        return 10


class Scaler(Base):
    """Scales."""

    factor = 3

    def apply(self, x):
        return x * self.factor + self.offset()

    @staticmethod
    def fixed():
        return 1


@dataclass
class Settings:
    weight: float = 0.5


SETTINGS = Settings()


def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@functools.lru_cache
def remembered(x):
    return x - 1


@traced
def wrapped(x):
    return x + 100


def unused(x):
    return x
'''

WORK = '''
from functools import partial

import numpy as np
import polars as pl

import helpers
from helpers import FRAME, LOG, RECENT, SETTINGS, TABLE, Mode, Pair, Scaler, wrapped
from helpers import remembered, scale
from trueup import pipeline, step


def outer(n):
    def inner(x):
        return x + n

    return inner


add = outer(5)
double = lambda x: x * 2
less = partial(max, 7)


@step
def work(x: int, depth: int = 6) -> int:
    """Do the work."""
    # a comment
    LOG.info("working")
    total = double(add(Scaler().apply(scale(x)))) + helpers.LIMITS["low"] + depth
    total += remembered(x) + wrapped(x) + less(x) + SETTINGS.weight + TABLE.sum()
    total += FRAME.filter(RECENT).height + Mode.FAST.value + Pair(1, 2).left

    def nested(y):
        return y + 1

    return nested(total) + sum(value * 2 for value in [1, 2])


@step
def other(x: int) -> int:
    return x


@pipeline
def whole(x: int = 1):
    return other(work(x))
'''

FILES = {"helpers.py": HELPERS, "pipelines/work.py": WORK}


@pytest.fixture
def fingerprint(tmp_path: Path) -> Any:
    """The fingerprint of step `work` in a project with these files."""

    def of(files: dict[str, str], name: str = "work") -> CodeFingerprint:
        for file, text in files.items():
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_text(textwrap.dedent(text))
        discovery.load(tmp_path)
        with discovery.on_path(tmp_path):
            return of_code(getattr(sys.modules["pipelines.work"], name), tmp_path)

    return of


def edited(file: str, before: str, after: str) -> dict[str, str]:
    assert before in FILES[file], before
    return FILES | {file: FILES[file].replace(before, after, 1)}


H, W = "helpers.py", "pipelines/work.py"

SAME = {
    "comment": (W, "# a comment", "# another comment, and a longer one"),
    "docstring": (W, '"""Do the work."""', '"""Do all of the work.\n\n    At length.\n    """'),
    "no docstring": (W, '    """Do the work."""\n', ""),
    "docstring of a helper": (H, '"""Scale it."""', '"""Scale."""'),
    "docstring of a class": (H, '    """Scales."""\n\n', ""),
    "blank lines above": (W, "def outer", "\n\n\n\ndef outer"),
    "formatting": (W, "return x + n", "return (\n            x\n            + n\n        )"),
    "our decorator with options": (W, "@step\ndef work", "@step(cache=True)\ndef work"),
    "our decorator by module": (W, "@step\ndef work", "import trueup\n\n\n@trueup.step\ndef work"),
    "another name for the step": (W, "@step\ndef work", '@step(name="job")\ndef work'),
    "unused helper": (H, "def unused(x):\n    return x", "def unused(x):\n    return x + 1"),
    "another step": (
        W,
        "def other(x: int) -> int:\n    return x",
        "def other(x):\n    return x + 1",
    ),
    "the pipeline": (W, "x: int = 1", "x: int = 2"),
    "new global nobody reads": (W, "add = outer(5)", "add = outer(5)\nSPARE = 1"),
    "quotes": (W, '["low"]', "['low']"),
}

OTHER = {
    "body": (W, "sum(value * 2", "sum(value * 3"),
    "helper called by a helper": (H, "return x + 1", "return x + 2"),
    "global constant of a helper": (H, "RATE = 2", "RATE = 3"),
    "kind of a constant": (H, "RATE = 2", "RATE = 2.0"),
    "content of a global dict": (H, '"high": [3, 4]', '"high": [3, 5]'),
    "order of a global dict": (H, '{"low": 1, "high": [3, 4]}', '{"high": [3, 4], "low": 1}'),
    "closure value": (W, "outer(5)", "outer(6)"),
    "code of a closure": (W, "return x + n", "return x - n"),
    "lambda": (W, "lambda x: x * 2", "lambda x: x * 3"),
    "nested function": (W, "return y + 1", "return y + 2"),
    "default": (W, "depth: int = 6", "depth: int = 7"),
    "annotation": (W, "x: int, depth", "x: float, depth"),
    "method": (H, "x * self.factor", "x / self.factor"),
    "class attribute": (H, "factor = 3", "factor = 4"),
    "static method": (H, "def fixed():\n        return 1", "def fixed():\n        return 2"),
    "method of a base class": (H, "return 10", "return 11"),
    "field of a data class": (H, "weight: float = 0.5", "weight: float = 0.6"),
    "value of an instance": (H, "Settings()", "Settings(0.7)"),
    "argument of a partial": (W, "partial(max, 7)", "partial(max, 8)"),
    "function of a partial": (W, "partial(max, 7)", "partial(min, 7)"),
    "remembered function": (H, "return x - 1", "return x - 2"),
    "function behind a decorator": (H, "return x + 100", "return x + 101"),
    "the decorator itself": (H, "return function(*args)", "return -function(*args)"),
    "array": (H, "[1.0, 2.0]", "[1.0, 2.5]"),
    "kind of an array": (H, "np.array([1.0, 2.0])", "np.array([1.0, 2.0], dtype=np.float32)"),
    "frame": (H, 'pl.DataFrame({"a": [1]})', 'pl.DataFrame({"a": [2]})'),
    "expression": (H, '"a") > 3', '"a") > 4'),
    "enum": (H, "FAST = 1", "FAST = 2"),
    "named tuple": (H, '"left right"', '"right left"'),
    "a text that UTF-8 cannot say": (W, "y + 1", "y + len('\\udcff')"),
    "which function a name means": (W, "remembered, scale", "remembered, shift as scale"),
}


@pytest.mark.parametrize("edit", SAME.values(), ids=SAME)
def test_does_not_change_by(fingerprint: Any, edit: tuple[str, str, str]) -> None:
    before = fingerprint(FILES)
    assert before.problem == ""
    assert fingerprint(edited(*edit)).digest == before.digest


@pytest.mark.parametrize("edit", OTHER.values(), ids=OTHER)
def test_changes_by(fingerprint: Any, edit: tuple[str, str, str]) -> None:
    before = fingerprint(FILES)
    after = fingerprint(edited(*edit))
    assert (before.problem, after.problem) == ("", "")
    assert after.digest != before.digest


def test_is_the_same_in_another_folder(fingerprint: Any, tmp_path: Path) -> None:
    here = fingerprint(FILES)
    there = tmp_path / "elsewhere"
    for file, text in FILES.items():
        (there / file).parent.mkdir(parents=True, exist_ok=True)
        (there / file).write_text(text)
    discovery.load(there)
    moved = of_code(sys.modules["pipelines.work"].work, there)
    assert (moved.digest, moved.parts, moved.packages) == (here.digest, here.parts, here.packages)
    assert moved.files != here.files


def test_a_docstring_that_is_read_is_data(fingerprint: Any) -> None:
    reading = edited(W, "total = double", "text = helpers.scale.__doc__\n    total = double")
    before = fingerprint(reading).digest
    changed = reading | {H: reading[H].replace("Scale it.", "Scale it well.")}
    assert fingerprint(changed).digest != before


def test_names_every_part_it_reaches(fingerprint: Any) -> None:
    parts = set(fingerprint(FILES).parts)
    assert {"pipelines/work.py:work", "helpers.py:shift", "helpers.py:Base"} <= parts
    assert "helpers.py:unused" not in parts
    assert "pipelines/work.py:other" not in parts


def test_of_a_pipeline_reaches_all_its_steps(fingerprint: Any) -> None:
    parts = set(fingerprint(FILES, "whole").parts)
    assert {"pipelines/work.py:work", "pipelines/work.py:other"} <= parts


def test_two_closures_of_equal_text_differ(fingerprint: Any) -> None:
    text = """
        def make(n):
            def inner():
                return n
            return inner
        one, two = make(1), make(2)
    """
    files = {"pipelines/work.py": text}
    assert fingerprint(files, "one").digest != fingerprint(files, "two").digest


def test_counts_installed_packages_with_what_they_require(fingerprint: Any) -> None:
    packages = fingerprint(FILES).packages
    assert {"numpy", "polars", "polars-runtime-32"} <= set(packages)
    assert "pytest" not in packages


def test_counts_packages_that_only_an_annotation_names(fingerprint: Any) -> None:
    text = """
        from __future__ import annotations
        import polars as pl
        def work(rows: pl.DataFrame): return rows.height
    """
    assert "polars" in fingerprint({"pipelines/work.py": text}).packages


def test_a_module_used_as_a_value_counts_as_a_whole(fingerprint: Any) -> None:
    text = """
        import tools
        def work(name): return getattr(tools, name)()
    """
    files = {"pipelines/work.py": text, "tools.py": "def a(): return 1\ndef b(): return 2\n"}
    before = fingerprint(files)
    after = fingerprint(files | {"tools.py": "def a(): return 1\ndef b(): return 3\n"})
    assert "tools.py (whole file)" in before.parts
    assert before.digest != after.digest


def test_an_import_inside_the_function_is_followed(fingerprint: Any) -> None:
    text = """
        def work():
            from tools import a
            return a()
    """
    files = {"pipelines/work.py": text, "tools.py": "def a(): return 1\n"}
    before = fingerprint(files)
    assert before.problem == ""
    assert fingerprint(files | {"tools.py": "def a(): return 2\n"}).digest != before.digest


def test_functions_that_call_each_other_are_no_problem(fingerprint: Any) -> None:
    text = """
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        work = even
    """
    assert fingerprint({"pipelines/work.py": text}).problem == ""


REFUSED = {
    "eval": ("def work(): return eval('1')", "builtins.eval, which can run any code"),
    "import by name": (
        "import importlib\ndef work(name): return importlib.import_module(name)",
        "importlib.import_module, which can run any code",
    ),
    "a global that is changed": (
        "count = 0\ndef work():\n    global count\n    count += 1",
        "it changes the global 'count'",
    ),
    "an open file": (
        "import os\nfile = open(os.devnull)\nfile.close()\ndef work(): return file",
        "whose content cannot be read",
    ),
    "two lambdas on one line": (
        "work, other = lambda: 1, lambda: 2",
        "two lambdas stand on line 1 of work.py",
    ),
    "code without a file": (
        "exec('def work(): return 1')",
        "'work' was made at run time and has no source",
    ),
    "an import that fails": (
        "def work():\n    import absent_package",
        "it imports 'absent_package', which fails",
    ),
    "a problem in a helper": (
        "def helper(): return exec('1')\ndef work(): return helper()",
        "(in pipelines/work.py:helper)",
    ),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_refuses_with_the_reason(fingerprint: Any, text: str, reason: str) -> None:
    found = fingerprint({"pipelines/work.py": text})
    assert found.digest == ""
    assert reason in found.problem


def test_refuses_a_file_that_was_edited_after_it_was_imported(
    fingerprint: Any, tmp_path: Path
) -> None:
    fingerprint({"pipelines/work.py": "def work(): return 1"})
    loaded = sys.modules["pipelines.work"].work
    (tmp_path / "pipelines/work.py").write_text("def work(): return 2")
    assert "work.py has changed since it was imported" in of_code(loaded, tmp_path).problem


def test_a_line_added_above_after_the_import_is_refused_too(
    fingerprint: Any, tmp_path: Path
) -> None:
    fingerprint({"pipelines/work.py": "def work(): return 1"})
    loaded = sys.modules["pipelines.work"].work
    (tmp_path / "pipelines/work.py").write_text("\n\ndef work(): return 1")
    assert of_code(loaded, tmp_path).digest == ""


def cell(text: str, number: int) -> dict[str, Any]:
    """What a notebook does with a cell: its text is known to `linecache` alone."""
    name = f"<ipython-input-{number}-0123>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, name, "exec", dont_inherit=True), scope)
    return scope


def test_a_function_of_a_notebook_counts_by_its_cell(tmp_path: Path) -> None:
    first = of_code(cell("def f(x): return x\n", 1)["f"], tmp_path)
    again = of_code(cell("def f(x): return x  # same\n", 2)["f"], tmp_path)
    other = of_code(cell("def f(x): return -x\n", 3)["f"], tmp_path)
    assert (first.problem, first.parts.keys()) == ("", {"notebook:f"})
    assert again == first
    assert other.digest != first.digest


def test_a_function_typed_at_a_prompt_has_no_source(tmp_path: Path) -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile("def f(x): return x\n", "<stdin>", "exec", dont_inherit=True), scope)
    found = of_code(scope["f"], tmp_path)
    assert "was made at run time and has no source" in found.problem


def test_a_compiled_module_of_the_users_own_counts_by_its_file(
    fingerprint: Any, tmp_path: Path
) -> None:
    compiled = Path(str(_heapq.__file__))
    (tmp_path / "fast").mkdir()
    copied = tmp_path / "fast" / compiled.name
    shutil.copyfile(compiled, copied)
    text = "from fast import _heapq\ndef work(x): return _heapq.heappop(x)"
    before = fingerprint({"pipelines/work.py": text, "fast/__init__.py": ""})
    assert (before.problem, f"fast/{compiled.name} (compiled)" in before.parts) == ("", True)
    with copied.open("ab") as file:
        file.write(b"0")
    assert fingerprint({}).digest != before.digest


@pytest.mark.parametrize("call", ["random.random()", "random.gauss(0, 1)", "np.random.rand(3)"])
def test_the_state_of_chance_is_no_code(fingerprint: Any, call: str) -> None:
    text = f"import random\nimport numpy as np\ndef work(): return {call}\n"
    before = fingerprint({"pipelines/work.py": text})
    random.random()
    random.gauss(0, 1)
    np.random.rand(3)
    assert before.problem == ""
    assert fingerprint({}).digest == before.digest
