"""Which changes give a step call another key, which do not, and which calls get no key at all.

Each line of the table is a small project folder, a change to it, and what must follow.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from trueup.lifecycle.pipeline import discovery, keys
from trueup.lifecycle.pipeline.code import packages
from trueup.lifecycle.pipeline.records import Components, StoredValue
from trueup.lifecycle.runs.execution import addressing

STEP = """
import trueup, tools
from trueup import pipeline, step
@step
def work(x): return tools.f(x)
@pipeline
def whole(x: int = 1): work(x)
"""
HEAD = "from trueup import pipeline, step\n"
TAIL = "\n@pipeline\ndef whole(x: int = 1): work(x)\n"


class Change(NamedTuple):
    """A text of a file of the project, a part of it, and what becomes of that part."""

    text: str
    old: str
    new: str
    file: str = "tools.py"
    step: str = STEP


def inline(text: str, old: str, new: str) -> Change:
    """A change inside the pipeline's own file."""
    return Change(HEAD + text + TAIL, old, new, "pipelines/work.py")


SAME = {
    "a comment": Change(
        "def f(x): return x", "def f(x): return x", "# new\ndef f(x): return x  # here"
    ),
    "a docstring": Change("def f(x): return x", "x):", "x):\n    'Says.'\n   "),
    "formatting": Change(
        "def f(x): return x+1", "x): return x+1", "x):\n    return (\n        x + 1)"
    ),
    "a type comment": Change("def f(x):\n    y = x\n    return y", " x", " x  # type: int"),
    "an unrelated function in the module": Change(
        "def f(x): return x\ndef g(): return 1", "1", "2"
    ),
    "an unrelated constant": Change("A = 1\ndef f(x): return x", "1", "2"),
    "an unrelated module": Change(
        "A = 1", "1", "2", "other.py", step=STEP.replace(" tools.f(x)", " x")
    ),
    "an import nobody uses": Change("def f(x): return x", "d", "import json\nd"),
    "the body of another step": inline(
        "@step\ndef other(x): return 1\n@step\ndef work(x): return x", "1", "2"
    ),
    "how often to try again": inline(
        (
            "from trueup.lifecycle.pipeline.decorators import Step, StepOptions\n"
            "def f(x): return x\n"
            "work = Step(f, options=StepOptions(retries=1))"
        ),
        "1",
        "2",
    ),
}

OTHER = {
    "a helper of a helper": Change(
        "def g(x): return x\ndef f(x): return g(x)", "g(x): return ", "g(x): return -"
    ),
    "a helper two modules away": Change("def g(x): return 1", "1", "2", "far.py"),
    "a module constant": Change("A = 1\ndef f(x): return A", "1", "2"),
    "a global dict": Change("A = {'k': [1]}\ndef f(x): return A", "[1", "[2"),
    "an annotation": Change("def f(x: int): return x", "in", "floa"),
    "a default": Change("def f(x, d=1): return d", "1", "2"),
    "a default of a keyword": Change("def f(x, *, d=1): return d", "1", "2"),
    "the name of a local variable": Change(
        "def f(x):\n    a = x\n    return a", "a = x\n    return a", "b = x\n    return b"
    ),
    "a closure's variable": Change(
        "def m(n):\n    def f(x): return n\n    return f\nf = m(1)", "1", "2"
    ),
    "a class attribute": Change("class C:\n    k = 1\ndef f(x): return C().k", "1", "2"),
    "a class attribute assigned after the class": Change(
        "class C: pass\nC.k = 1\ndef f(x): return C.k", "1", "2"
    ),
    "a class attribute made by unpacking": Change(
        "from far import P\nclass C:\n    a, b = P\ndef f(x): return C.a", "t ", "t Q as "
    ),
    "a method replaced after the class": Change(
        ("class C:\n    def m(self): return 1\ndef n(self): return 2\ndef f(x): return C().m()"),
        "2\n",
        "2\nC.m = n\n",
    ),
    "a base class": Change(
        "class B:\n    def m(self): return 1\nclass C(B): pass\ndef f(x): return C().m()", "1", "2"
    ),
    "a metaclass": Change(
        (
            "class M(type):\n"
            "    def __len__(cls): return 1\n"
            "class C(metaclass=M): pass\n"
            "def f(x): return len(C)"
        ),
        "1",
        "2",
    ),
    "a property": Change(
        "class C:\n    @property\n    def p(self): return 1\ndef f(x): return C().p", "1", "2"
    ),
    "an inner class": Change(
        "class C:\n    class D:\n        k = 1\ndef f(x): return C.D.k", "1", "2"
    ),
    "a decorator of the user's own": Change(
        "def d(g):\n    def w(x): return g(x)\n    return w\n@d\ndef f(x): return x",
        "w(x): return ",
        "w(x): return -",
    ),
    "the function behind a decorator": Change(
        "def d(g):\n    def w(x): return g(x)\n    return w\n@d\ndef f(x): return x",
        "f(x): return ",
        "f(x): return -",
    ),
    "a partial's argument": Change("from functools import partial\nf = partial(max, 1)", "1", "2"),
    "a bound method's object": Change(
        ("class C:\n    def __init__(s, k): s.k = k\n    def m(s, x): return s.k\nf = C(1).m"),
        "1",
        "2",
    ),
    "a callable object": Change("class C:\n    def __call__(s, x): return 1\nf = C()", "1", "2"),
    "a lambda": Change("f = lambda x: x", ": ", ": -"),
    "a lambda in a dict": Change(
        "T = {'a': lambda x: x}\ndef f(x): return T['a'](x)", "x: ", "x: -"
    ),
    "a data class field": Change(
        (
            "from dataclasses import dataclass\n"
            "@dataclass\n"
            "class C:\n"
            "    k: int = 1\n"
            "def f(x): return C().k"
        ),
        "1",
        "2",
    ),
    "an enum member": Change(
        "import enum\nclass E(enum.Enum):\n    A = 1\ndef f(x): return E.A.value", "1", "2"
    ),
    "an attribute of a function": Change("def f(x): return f.k\nf.k = 1", "1", "2"),
    "what a function reached by its name is": Change(
        "def a(): return 1\ndef f(x): return 0",
        "1",
        "2",
        step=STEP.replace("tools.f(x)", "getattr(tools, 'abc'[x])()"),
    ),
    "what a module reached by name only imports": Change(
        "def g(x): return 1",
        "1",
        "2",
        "far.py",
        step=STEP.replace("tools.f(x)", "getattr(tools, 'abcg'[x])()"),
    ),
    "a helper imported inside the function": Change(
        "def g(x): return 1",
        "1",
        "2",
        "far.py",
        step=STEP.replace("return tools.f(x)", "\n    from far import g\n    return g(x)"),
    ),
    "a registry filled by decorators": Change(
        (
            "R = {}\n"
            "def reg(g):\n"
            "    R[g.__name__] = g\n"
            "    return g\n"
            "@reg\n"
            "def a(x): return 1\n"
            "def f(x): return R['a'](x)"
        ),
        "1",
        "2",
    ),
    "a variant of a generic function": Change(
        (
            "from functools import singledispatch\n"
            "@singledispatch\n"
            "def f(x): return 0\n"
            "@f.register\n"
            "def _(x: int): return 1"
        ),
        "1",
        "2",
    ),
    "a remembered function": Change(
        "from functools import cache\n@cache\ndef f(x): return 1", "1", "2"
    ),
    "a compiled pattern": Change("import re\nP = re.compile('a')\ndef f(x): return P", "'a", "'b"),
    "a function that replaces another": inline(
        "import tools\ntools.f = abs\n@step\ndef work(x): return tools.f(x)", "abs", "hex"
    ),
    "a nested function": Change("def f(x):\n    def g(): return 1\n    return g()", "1", "2"),
    "a value read from a file while importing": Change("1", "1", "2", "n.txt"),
    "the name of the step": inline("@step\ndef work(x): return x", "@step", "@step(name='done')"),
    "a function given as an argument": inline(
        ("def g(): return 1\n@step\ndef apply(x, h): return h()\ndef work(x): return apply(x, g)"),
        "1",
        "2",
    ),
    "a step that the step calls": inline(
        "@step\ndef inner(x): return 1\n@step\ndef work(x): return inner.function(x)", "1", "2"
    ),
}

REFUSED = {
    "eval": ("def f(x): return eval('x')", "builtins.eval, which can run any code"),
    "exec": ("def f(x): exec('x = 1')", "builtins.exec, which can run any code"),
    "importlib": ("import importlib\ndef f(x): return importlib.import_module('a').b",
                  "importlib.import_module, which can run any code"),
    "an import by name": ("def f(x): return __import__('far')", "__import__"),
    "sys.modules": ("import sys\ndef f(x): return sys.modules['far'].g(x)", "sys.modules"),
    "globals": ("def f(x): return globals()['g'](x)", "globals"),
    "ctypes": ("import ctypes\ndef f(x): return ctypes.CDLL('a.so').f(x)", "can run any code"),
    "pkgutil": ("import pkgutil\ndef f(x): return pkgutil.resolve_name('far:g')(x)", "pkgutil"),
    "subclasses": ("class B: pass\ndef f(x): return B.__subclasses__()", "any module can add"),
    "a lock": ("import threading\nL = threading.Lock()\ndef f(x):\n    with L: return x",
               "whose content cannot be read"),
    "code made at run time": ("s = {}\nexec(compile('def f(x): return 1', '<made>', 'exec'), s)\n"
                              "f = s['f']", "was made at run time and has no source"),
    "an environment variable": ("import os\ndef f(x): return os.environ['A']",
                                "it reads environment variables"),
    "os.getenv": ("from os import getenv\ndef f(x): return getenv('A')",
                  "it reads environment variables"),
    "a loose module among the installed": ("import stray\ndef f(x): return stray.g(x)",
                                           "'stray', which belongs to no installed distribution"),
}  # fmt: skip


class Folder:
    """A project folder, and the key of its first step call."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site = root.parent / "lib" / "site-packages"
        self.site.mkdir(parents=True)

    def write(self, files: dict[str, str]) -> None:
        """Write files; `n.txt` and `far.py` are read by others of them."""
        for name, text in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)

    def install(self, name: str, version: str, requires: str = "") -> None:
        """Put a distribution of one module among the installed packages."""
        for old in self.site.glob(f"{name}-*.dist-info"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        info = self.site / f"{name}-{version}.dist-info"
        info.mkdir()
        line = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{line}"
        )
        (info / "top_level.txt").write_text(f"{name}\n")
        (self.site / f"{name}.py").write_text("def g(x): return x\n")
        packages.forget()

    def look(self) -> tuple[Components | None, tuple[str, ...]]:
        """The components of the first step call, as a new process would see them."""
        with discovery.on_path(self.root):
            found = discovery.find(self.root)
            drawn = found.draw({}, self.root)
            node = drawn.nodes[0]
            return addressing.components(node.called, node.arguments, self.root, lambda _o: RAW)

    def key(self) -> str:
        """Its key; there must be one."""
        found, why = self.look()
        assert found is not None, why
        return keys.key(found)


RAW = StoredValue(kind="json", digest="b3:1")
MORE = {
    "far.py": "P = (1, 2)\nQ = (3, 4)\ndef g(x): return 0\n",
    "n.txt": "1",
    "tools.py": "import far\nfrom far import g\ndef a(): return 1\ndef f(x): return far.g(x)\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    made = Folder(tmp_path / "project")
    before = set(sys.modules)
    # Without the real packages: reading all of them takes a third of a second each time.
    paths = [entry for entry in sys.path if not packages._holds_distributions(entry, 0)]
    monkeypatch.setattr(sys, "path", [str(made.site), *paths])
    yield made
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]
    if any(made.site.iterdir()):
        packages.forget()


def both(folder: Folder, change: Change) -> tuple[str, str]:
    """The key before and after a change."""
    folder.write({"pipelines/work.py": change.step} | MORE)
    if change.file == "n.txt":
        folder.write({"tools.py": "from pathlib import Path\n"
                      "V = int(Path(__file__).with_name('n.txt').read_text())\n"
                      "def f(x): return V\n"})  # fmt: skip
    assert change.old in change.text
    folder.write({change.file: change.text})
    before = folder.key()
    folder.write({change.file: change.text.replace(change.old, change.new, 1)})
    return before, folder.key()


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_a_key_stays_the_same_for(folder: Folder, change: Change) -> None:
    before, after = both(folder, change)
    assert after == before


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER)
def test_another_key_is_given_by(folder: Folder, change: Change) -> None:
    before, after = both(folder, change)
    assert after != before


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_no_key_and_the_reason_for(folder: Folder, text: str, reason: str) -> None:
    (folder.site / "stray.py").write_text("def g(x): return x\n")
    folder.write({"pipelines/work.py": STEP} | MORE | {"tools.py": text})
    found, (why,) = folder.look()
    assert found is None
    assert why.startswith("it is not cached: ")
    assert reason in why


THIRD = {
    "pipelines/work.py": STEP,
    "tools.py": "import used\ndef f(x): return used.g(x)\n",
}


@pytest.mark.parametrize(("name", "counts"), [("used", True), ("below", True), ("apart", False)])
def test_the_version_of_a_package_counts_when_it_is_reached(
    folder: Folder, name: str, counts: bool
) -> None:
    folder.write(THIRD)
    for each in ("below", "apart"):
        folder.install(each, "1.0")
    folder.install("used", "1.0", requires="below>=1; python_version > '3'")
    before, _ = folder.look()
    folder.install(name, "1.1", requires="below" if name == "used" else "")
    after, _ = folder.look()
    assert before is not None and after is not None
    assert (keys.explain(before, after) == [f"package {name} was 1.0, is 1.1"]) == counts
    assert (before == after) != counts


def test_a_package_installed_from_a_repository_counts_by_commit(folder: Folder) -> None:
    folder.write(THIRD)
    folder.install("used", "1.0")
    before = folder.key()
    told = '{"url": "https://kim:pw@host/used", "vcs_info": {"vcs": "git", "commit_id": "abc123"}}'
    (folder.site / "used-1.0.dist-info" / "direct_url.json").write_text(told)
    packages.forget()
    assert folder.key() != before
    captured = packages.environment()
    assert captured.origins["used"] == "git+https://host/used@abc123"
    assert "used @ git+https://host/used@abc123\n" in captured.requirements


def test_a_package_upgraded_under_a_running_process_keeps_the_version_it_was_imported_in(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write(THIRD)
    folder.install("used", "1.0")
    before = folder.key()
    monkeypatch.setattr(packages, "forget", lambda: None)
    folder.install("used", "2.0")
    assert folder.key() == before


def test_what_is_installed_is_read_once_for_a_project(folder: Folder) -> None:
    folder.write(THIRD)
    folder.install("used", "1.0")
    (folder.root / ".trueup").mkdir()
    before = folder.key()
    [kept] = (folder.root / ".trueup" / "cache").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_bytes(kept.read_bytes().replace(b'"version":"1.0"', b'"version":"7.0"'))
    packages.forget()
    assert folder.key() != before  # it was read
    kept.write_bytes(b"damaged")
    packages.forget()
    assert folder.key() == before  # it was made again


def test_values_of_different_kinds_with_equal_bytes_are_told_apart() -> None:
    kinds = ("json", "text", "bytes", "folder")
    alone = [StoredValue(kind=kind, digest="b3:1") for kind in kinds]
    named = [StoredValue(kind="file", digest="b3:1", format=suffix) for suffix in (".a", ".b")]
    nested = [StoredValue(kind="parts", digest="b3:9", parts={"a": one}) for one in alone]
    listed = [StoredValue(kind="list", digest="b3:8", items=(one,)) for one in alone]
    found = [addressing.identity(one) for one in [*alone, *named, *nested, *listed]]
    assert len(set(found)) == len(found)
    assert addressing.identity(alone[0]) == "b3:1"


def test_a_step_that_reads_the_environment_is_cached_once_it_names_what_it_reads(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = STEP.replace(
        "@pipeline",
        "from trueup.lifecycle.pipeline.decorators import Step, StepOptions\n"
        "work = Step(work.function, options=StepOptions(environment=('REGION',)))\n@pipeline",
    )
    folder.write(
        {"pipelines/work.py": text, "tools.py": "import os\ndef f(x): return os.environ['REGION']"}
    )
    monkeypatch.setenv("REGION", "north")
    before, _ = folder.look()
    monkeypatch.setenv("ANOTHER", "1")
    same, _ = folder.look()
    monkeypatch.setenv("REGION", "south")
    after, _ = folder.look()
    assert before is not None and same == before and after is not None
    assert keys.explain(before, after) == ["environment variable REGION changed"]
