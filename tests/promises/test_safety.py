"""What never stands in the source: code from data, shells, machine paths, package addresses."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import Any

FORBIDDEN_CALLS = {
    "eval",
    "cloudpickle.load",
    "cloudpickle.loads",
    "dill.load",
    "dill.loads",
    "joblib.load",
    "marshal.load",
    "marshal.loads",
    "os.popen",
    "os.system",
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "shelve.open",
    "tempfile.mktemp",
    "yaml.load",
}
# The brackets keep this file from matching itself.
MACHINE = re.compile(
    r"/wor[k]/(main|shared)|/roo[t]/|/tm[p]/lab|/op[t]/(pypi|wheels)|/hom[e]/\w+/"
    r"|pypi[.]org/simpl[e]|pythonhosted[.]or[g]|(extra-)?index-ur[l]\s*=|--(extra-)?index-ur[l] "
)


def test_no_data_is_run_as_code(modules: list[Any]) -> None:
    found = [
        f"{m.path}:{node.lineno} {ast.unparse(node.func)}"
        for m in modules
        for node in ast.walk(m.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in FORBIDDEN_CALLS
    ]
    assert not found


def test_pickle_is_not_even_imported(modules: list[Any]) -> None:
    quarantined = {"pickle", "cloudpickle", "dill", "shelve", "marshal"}
    found = [
        f"{m.path}:{node.lineno}"
        for m in modules
        for node in ast.walk(m.tree)
        if (isinstance(node, ast.Import) and {a.name for a in node.names} & quarantined)
        or (isinstance(node, ast.ImportFrom) and node.module in quarantined)
    ]
    assert not found


def test_no_command_goes_through_a_shell(modules: list[Any]) -> None:
    found = [
        f"{m.path}:{node.lineno}"
        for m in modules
        for node in ast.walk(m.tree)
        if isinstance(node, ast.Call)
        and any(
            k.arg == "shell" and not (isinstance(k.value, ast.Constant) and k.value.value is False)
            for k in node.keywords
        )
    ]
    assert not found


def test_the_time_comes_from_the_clock_alone(modules: list[Any]) -> None:
    found = [
        f"{m.path}:{node.lineno} {ast.unparse(node)}"
        for m in modules
        if m.path != "foundation/clock.py"
        for node in ast.walk(m.tree)
        if isinstance(node, ast.Call)
        and re.fullmatch(
            r"(datetime\.)?(datetime|date)\.(now|utcnow|today)", ast.unparse(node.func)
        )
    ]
    assert not found, "use foundation.clock.now()"


def test_no_file_names_a_machine_or_a_package_address(root: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    ).stdout.decode()
    found = []
    for name in filter(None, listed.split("\0")):
        path = root / name
        if not path.is_file() or path.suffix in (".png", ".parquet", ".gz", ".woff2"):
            continue
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            if match := MACHINE.search(line):
                found.append(f"{name}:{number} {match[0]}")
    assert not found


def test_tests_use_real_things(root: Path) -> None:
    mocking = re.compile(r"^\s*(from|import) (unittest\.mock|mock|pytest_mock)\b", re.MULTILINE)
    files = [*root.glob("tests/**/*.py"), *root.glob("src/trueup/testing/**/*.py")]
    assert not [str(path) for path in files if mocking.search(path.read_text(encoding="utf-8"))]
