"""Importing source files that lie in memory, under a name of their own.

The files see each other under the names they were written with, Python's own modules, and what is
installed: never a file that merely lies on this machine, because nobody has judged that. This is
no cage: code that is loaded may do what this process may do.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from types import CodeType, ModuleType
from typing import Any, Final

from trueup.foundation import digests
from trueup.foundation.errors import BackendError, TrueupError, UserCodeError
from trueup.ports.code import Sources

_PREFIX: Final = "trueup_model_"
_INSTALLED: Final = ("site-packages", "dist-packages")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_known: dict[str, _Package] = {}
_lock = threading.Lock()


def load(sources: Sources, *names: str) -> list[Any]:
    """What the names `module:name` stand for; the files are run, once in a process.

    Raises:
        BackendError: A distribution that they need is not installed.
        UserCodeError: They raised, or have no such function.
    """
    for requirement in sources.requirements:
        _check_installed(requirement)
    package = _opened(sources.files)
    return [_found(package, name) for name in names]


def name_of(files: Mapping[str, bytes]) -> str:
    """The private name of a set of files: that of their content."""
    listed = [[name, digests.of_bytes(raw)] for name, raw in sorted(files.items())]
    return _PREFIX + digests.of_record(listed).rpartition(":")[2][:32]


def _opened(files: Mapping[str, bytes]) -> _Package:
    name = name_of(files)
    with _lock:
        if name not in _known:
            _known[name] = _Package(name, files)
            # In front, so that no file of that name on this machine comes first.
            sys.meta_path.insert(0, _known[name])
        return _known[name]


@contextmanager
def users(name: str) -> Iterator[None]:
    """The border around the code of a model: what it raises is said with the name that was asked.

    Raises:
        UserCodeError: It raised; Ctrl-C and a lack of memory pass.
    """
    try:
        yield
    except (TrueupError, KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # SystemExit, too
        last = traceback.extract_tb(error.__traceback__)[-1]
        file = last.filename.partition(">/")[2]
        raise UserCodeError(
            "model-code-failed",
            f"The code of the model failed on the way to '{name}'"
            f"{f' ({file}:{last.lineno})' if file else ''}: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:300]}",
            hint="trueup explain model-code-failed",
        ) from error


def _found(package: _Package, name: str) -> Any:
    module, _, attribute = name.partition(":")
    with users(name):
        found = getattr(importlib.import_module(f"{package.name}.{module}"), attribute)
        if not callable(found):
            raise TypeError(f"'{attribute}' is no function")
        return found


def _check_installed(requirement: str) -> None:
    name = _NAME.match(requirement)
    try:
        metadata.version(name[0] if name else requirement)
    except (metadata.PackageNotFoundError, ValueError) as error:
        raise BackendError(
            "model-needs-package",
            f"The model needs '{requirement[:100]}', which is not installed here.",
            hint=f"pip install '{requirement[:100]}'",
        ) from error


class _Package(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads the modules of one set of files."""

    def __init__(self, name: str, files: Mapping[str, bytes]) -> None:
        self.name = name
        self._files = dict(files)
        self._tops = {path.partition("/")[0].removesuffix(".py") for path in files}
        self._builtins = {**vars(builtins), "__import__": self._import}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module of that name, if it is one of these files or a folder of them."""
        if fullname != self.name and not fullname.startswith(f"{self.name}."):
            return None
        file = self._file(fullname)
        inside = self._path(fullname)
        is_folder = fullname == self.name or any(
            name.startswith(f"{inside}/") for name in self._files
        )
        if not file and not is_folder:
            return None
        return importlib.machinery.ModuleSpec(
            fullname,
            self,
            origin=file or None,
            is_package=is_folder and not file.endswith(f"{inside}.py"),
        )

    def exec_module(self, module: ModuleType) -> None:
        """Run the file; its imports are ours to answer."""
        vars(module)["__builtins__"] = self._builtins
        code = self.get_code(module.__name__)
        if code is not None:
            exec(code, vars(module))  # noqa: S102 - what this file is for; callers asked for leave

    def get_code(self, fullname: str) -> CodeType | None:
        """The file, compiled; it shows in tracebacks under the name of the model."""
        file = self._file(fullname)
        if not file:
            return None
        return compile(self._files[file], f"<{self.name}>/{file}", "exec", dont_inherit=True)

    def get_source(self, fullname: str) -> str | None:
        """The text, for tracebacks."""
        file = self._file(fullname)
        return importlib.util.decode_source(self._files[file]) if file else None

    def is_package(self, fullname: str) -> bool:
        """Whether it is a folder."""
        return not self._file(fullname).endswith(f"{self._path(fullname)}.py")

    def _path(self, fullname: str) -> str:
        return fullname.removeprefix(self.name).removeprefix(".").replace(".", "/")

    def _file(self, fullname: str) -> str:
        inside = self._path(fullname)
        for name in (f"{inside}/__init__.py", f"{inside}.py"):
            if name in self._files:
                return name
        return ""

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> Any:
        """What an `import` in the files gives."""
        top = name.partition(".")[0]
        if level or top not in self._tops:
            if not level:
                _check_origin(top)
            return builtins.__import__(name, globals, locals, fromlist, level)
        module = builtins.__import__(f"{self.name}.{name}", None, None, fromlist or ("",), 0)
        return module if fromlist else sys.modules[f"{self.name}.{top}"]


def _check_origin(top: str) -> None:
    """Refuse a module that is neither Python's nor installed."""
    if top in sys.stdlib_module_names or top == "trueup":
        return
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # a module that was put together at run time
        spec = None
    if spec is None:
        raise ModuleNotFoundError(f"No module named '{top}'", name=top)
    places = [spec.origin or "", *(spec.submodule_search_locations or ())]
    if any(f"/{folder}/" in place for place in places for folder in _INSTALLED):
        return
    if top in metadata.packages_distributions():  # installed so that it can be edited
        return
    raise ImportError(
        f"'{top}' is a file of this machine ({places[0][-120:]}), neither installed nor part of "
        "the model",
        name=top,
    )
