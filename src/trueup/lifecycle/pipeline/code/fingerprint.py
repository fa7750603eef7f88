"""What a function's behaviour depends on: its code, and all first-party code and values it reaches.

Globals, closure cells, defaults, base classes and function-local imports are followed; installed
packages count by name and version. What cannot be followed raises `Unclear`: there is never a
partial fingerprint, because a partial one gives wrong results silently.
"""

from __future__ import annotations

import ast
import copyreg
import functools
import importlib
import importlib.machinery
import importlib.util
import math
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trueup.foundation import digests
from trueup.foundation.records import encode
from trueup.lifecycle.pipeline import origin
from trueup.lifecycle.pipeline.code import packages, scopes, syntax
from trueup.lifecycle.pipeline.code.syntax import Unclear
from trueup.lifecycle.pipeline.decorators import Pipeline, Step
from trueup.lifecycle.pipeline.records import CodeFingerprint

# Code made at run time can be anything.
_OPAQUE = frozenset({"eval", "exec", "compile", "__import__", "globals"})
_OPAQUE_MODULES = frozenset(
    {"ctypes", "importlib", "importlib.machinery", "importlib.util", "pkgutil", "runpy"}
)
_COMPILED = tuple(importlib.machinery.EXTENSION_SUFFIXES)
_MODULE_FACTS = frozenset({"__name__", "__package__", "__spec__", "__loader__", "__builtins__"})
_ATOMS = (type(None), bool, int, str, complex, type(...), type(NotImplemented))


def of_code(function: Any, root: Path) -> CodeFingerprint:
    """The fingerprint of a function, a step or a pipeline.

    Args:
        function: What to fingerprint.
        root: The project's folder; files are named relative to it.
    """
    walk = _Walk(root)
    try:
        entry = walk.refer(function)
    except Unclear as error:
        return CodeFingerprint(
            files=tuple(sorted(walk.files)),
            problem=f"it cannot be fingerprinted, because {error}",
        )
    except RecursionError:
        return CodeFingerprint(problem="it reaches values that are nested too deeply")
    return CodeFingerprint(
        digest=digests.of_record([entry, walk.parts]),
        parts=walk.parts,
        packages=packages.of_modules(walk.modules, root),
        files=tuple(sorted(walk.files)),
        reads_environment=walk.reads_environment,
    )


class _Walk:
    """One walk over everything reachable; each piece of code becomes one part."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.parts: dict[str, str] = {}
        self.modules: set[str] = set()
        self.files: set[str] = set()
        self.reads_environment = False
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []  # an id is only unique while its object lives
        self._open: dict[int, int] = {}

    def refer(self, value: Any) -> Any:  # noqa: PLR0911 - one line a kind
        """Plain data that is equal for values that behave equally; code on the way is walked."""
        if type(value) in _ATOMS:
            return [type(value).__name__, repr(value)]
        if type(value) is float:
            return ["float", value.hex() if math.isfinite(value) else repr(value)]
        if type(value) in (bytes, bytearray):
            return [type(value).__name__, digests.of_bytes(bytes(value))]
        if isinstance(value, Step | Pipeline):
            return self.refer(value.function)
        if id(value) in self._names:
            return ["code", self._names[id(value)]]
        if id(value) in self._open:
            return ["again", self._open[id(value)]]
        self._open[id(value)] = len(self._open)
        try:
            return self._refer_deep(value)
        finally:
            del self._open[id(value)]

    def _refer_deep(self, value: Any) -> Any:  # noqa: PLR0911 - one line a kind
        kind = type(value)
        if value is os.environ or value is getattr(os, "environb", os.environ):
            self.reads_environment = True
            return ["environment"]
        if value is sys.modules:
            raise Unclear("it uses sys.modules, which can be any code")
        if kind in (list, tuple):
            return [kind.__name__, *(self.refer(item) for item in value)]
        if kind in (set, frozenset):
            return [kind.__name__, *sorted((self.refer(item) for item in value), key=encode)]
        if kind in (dict, types.MappingProxyType):
            return ["dict", *([self.refer(k), self.refer(v)] for k, v in value.items())]
        if isinstance(value, types.ModuleType):
            return self._module(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        return self._refer_object(value)

    def _refer_object(self, value: Any) -> Any:  # noqa: PLR0911 - one line a kind
        is_method = isinstance(value, types.MethodType | types.BuiltinMethodType)
        if is_method and (module := scopes.module_that_offers(value)):
            # `random.random` belongs to an object whose state is chance, not code.
            return self._foreign(module, value.__name__)
        if isinstance(value, types.MethodType):
            return ["method", self.refer(value.__func__), self.refer(value.__self__)]
        if isinstance(value, functools.partial):
            return ["partial", *map(self.refer, (value.func, value.args, value.keywords))]
        if isinstance(value, staticmethod | classmethod):
            return [type(value).__name__, self.refer(value.__func__)]
        if isinstance(value, property | functools.cached_property):
            return [type(value).__name__, *map(self.refer, scopes.accessors(value))]
        if isinstance(value, types.BuiltinFunctionType | types.BuiltinMethodType):
            owner = value.__self__
            if owner is not None and not isinstance(owner, types.ModuleType):
                return ["method", value.__name__, self.refer(owner)]
            return self._foreign(value.__module__ or "builtins", value.__qualname__)
        if isinstance(value, types.MethodDescriptorType | types.WrapperDescriptorType):
            return ["method", value.__name__, self.refer(value.__objclass__)]
        if callable(value) and "__wrapped__" in getattr(value, "__dict__", ()):
            return ["wrapped", self.refer(type(value)), self.refer(value.__wrapped__)]
        return self._reduced(value)

    def _reduced(self, value: Any) -> Any:
        """Any other object by the parts that `copy` and `pickle` would rebuild it from."""
        where = type(value)
        try:
            reduce = copyreg.dispatch_table.get(where)
            reduced = reduce(value) if reduce else value.__reduce_ex__(4)
        except Exception as error:
            raise Unclear(
                f"it uses an object of type {where.__module__}.{where.__qualname__}, "
                f"whose content cannot be read ({error})"
            ) from error
        if isinstance(reduced, str):
            module = getattr(value, "__module__", None) or where.__module__
            return self._foreign(module, reduced)
        made_by, arguments, *rest = reduced
        state, items, pairs = (*rest, None, None, None)[:3]
        return [
            "object",
            self.refer(where),
            self.refer(made_by),
            self.refer(arguments),
            self.refer(state),
            [self.refer(item) for item in items or ()],
            [[self.refer(k), self.refer(v)] for k, v in pairs or ()],
        ]

    def _foreign(self, module: str, name: str) -> Any:
        self.modules.add(module)
        if module in _OPAQUE_MODULES or (module == "builtins" and name in _OPAQUE):
            raise Unclear(f"it uses {f'{module}.{name}'.rstrip('.')}, which can run any code")
        if module == "os" and name in ("getenv", "getenvb"):
            self.reads_environment = True
        if module == "__main__":
            raise Unclear(f"'{name}' was typed at a prompt and has no source")
        if not packages.is_known(module, self._root):
            self._stray(module)
        return ["installed", module, name]

    def _stray(self, module: str) -> None:
        """A module of no distribution has no version: its compiled file counts as a whole."""
        file = str(getattr(sys.modules.get(module), "__file__", None) or "")
        if file.endswith(_COMPILED):
            self.parts[f"{self._file(file)} (compiled)"] = digests.of_file(Path(file))
        elif file:
            raise Unclear(f"it uses '{module}', which belongs to no installed distribution")

    def _module(self, module: types.ModuleType) -> Any:
        file = getattr(module, "__file__", None) or ""
        if not origin.is_first_party(file):
            if not file and hasattr(module, "__path__"):
                raise Unclear(f"it uses the folder '{module.__name__}' as a value")
            return self._foreign(module.__name__, "")
        if file.endswith(_COMPILED):
            return self._foreign(module.__name__, "")
        label = f"{self._file(file)} (whole file)"
        name = self._new_part(module, label)
        scope = vars(module)
        # Whatever the module holds can be asked for by name, also what it only imports.
        held = {name for name in scope if not (name.startswith("__") and name.endswith("__"))}
        with _inside(label):
            self._close_part(
                name, syntax.of_module(file), scope, self._resolved({(n,) for n in held}, scope)
            )
        return ["code", name]

    def _class(self, cls: type) -> Any:
        file = getattr(sys.modules.get(cls.__module__), "__file__", None) or scopes.file_of(cls)
        if not origin.is_first_party(file):
            return self._foreign(cls.__module__, cls.__qualname__)
        if issubclass(cls, tuple) and cls.__bases__ == (tuple,):  # made by collections.namedtuple
            fields, defaults = getattr(cls, "_fields", ()), getattr(cls, "_field_defaults", {})
            return ["namedtuple", cls.__qualname__, self.refer(fields), self.refer(defaults)]
        name = self._new_part(cls, f"{self._file(file)}:{cls.__qualname__}")
        node = syntax.of_class(cls, file)
        scope = scopes.scope_of(cls)
        uses = self._resolved(set(syntax.chains([node])), scope)
        uses["bases"] = [self.refer(base) for base in cls.__bases__]
        if type(cls) is not type:
            uses["metaclass"] = self.refer(type(cls))
        for member, value in sorted(scopes.members(cls, node)):
            uses[f".{member}"] = self.refer(value)
        self._close_part(name, node, scope, uses)
        return ["code", name]

    def _function(self, function: types.FunctionType) -> Any:
        code = function.__code__
        if not origin.is_first_party(code.co_filename):
            return self._foreign_function(function)
        label = f"{self._file(code.co_filename)}:{function.__qualname__}"
        name = self._new_part(function, label)
        with _inside(label):
            self._walk_function(name, function)
        return ["code", name]

    def _walk_function(self, name: str, function: types.FunctionType) -> None:
        node = syntax.of_function(function)
        scope = function.__globals__
        read = scopes.globals_read(function.__code__)
        wanted = {chain for chain in syntax.chains([node]) if chain[0] in read}
        is_ours = scopes.ours_in(scope)
        heads = [head for head in syntax.signature_nodes(node) if not is_ours(head)]
        wanted |= {chain for chain in syntax.chains(heads) if chain[0] in scope}
        uses = self._resolved(wanted, scope)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        uses["cells"] = [[variable, self._cell(cell)] for variable, cell in cells]
        uses["defaults"] = [self.refer(function.__defaults__), self.refer(function.__kwdefaults__)]
        uses["imports"] = [self._local_import(*found, scope) for found in syntax.imports(node)]
        if hasattr(function, "__wrapped__"):
            uses["wrapped"] = self.refer(function.__wrapped__)
        kept = {n: v for n, v in vars(function).items() if n != "__wrapped__"}
        if kept:  # attributes that somebody hung on the function
            uses["attributes"] = [[n, self.refer(v)] for n, v in sorted(kept.items())]
        self._close_part(name, node, scope, uses)

    def _foreign_function(self, function: types.FunctionType) -> Any:
        """An installed function; one made at run time may hold the user's code in its closure."""
        module = str(function.__globals__.get("__name__") or function.__module__)
        file = str(function.__globals__.get("__file__") or "")
        made = function.__code__.co_filename
        if (
            made.startswith("<")
            and not made.startswith("<frozen")
            and (not file or origin.is_first_party(file))
        ):
            raise Unclear(f"'{function.__qualname__}' was made at run time and has no source")
        known = self._foreign(module, function.__qualname__)
        if module == "functools" and hasattr(function, "registry"):  # made by singledispatch
            return [*known, *([self.refer(k), self.refer(v)] for k, v in function.registry.items())]
        if scopes.is_defined(function, module):
            return known
        self._names[id(function)] = f"wrapper {len(self._names)} of {module}"
        self._kept.append(function)
        held = [self._cell(cell) for cell in function.__closure__ or ()]
        return [*known, self.refer(function.__defaults__), *held]

    def _resolved(self, chains: set[tuple[str, ...]], scope: dict[str, Any]) -> dict[str, Any]:
        """What each name stands for now; modules are followed to the attribute that is used."""
        uses: dict[str, Any] = {}
        for chain in sorted(chains):
            used, value = scopes.follow(chain, scope)
            if chain[-1] == "__doc__":  # no comment any more, but a text that somebody uses
                uses[".".join(chain)] = self.refer(getattr(value, "__doc__", None))
            if used in uses:
                continue
            if value is scopes.MISSING:
                uses[used] = "missing"
            elif chain[0] in _MODULE_FACTS:
                uses[used] = "module fact"
            elif chain[0] == "__file__":
                uses[used] = self._file(str(value))
            else:
                uses[used] = self.refer(value)
        return uses

    def _local_import(
        self, module: str, level: int, names: tuple[str, ...], scope: dict[str, Any]
    ) -> Any:
        """A function-local import; first-party modules are imported, as the step would do."""
        if level:
            package = str(scope.get("__package__") or "")
            module = importlib.util.resolve_name("." * level + module, package)
        elif packages.is_known(module, self._root):
            return self._foreign(module, ",".join(names))
        try:
            loaded = importlib.import_module(module)
        except (Exception, SystemExit) as error:
            raise Unclear(f"it imports '{module}', which fails: {error}") from error
        if not names or "*" in names:
            return self._module(loaded)
        return [[name, self.refer(scopes.member(loaded, name))] for name in names]

    def _cell(self, cell: types.CellType) -> Any:
        try:
            return self.refer(cell.cell_contents)
        except ValueError:
            return "empty"

    def _new_part(self, thing: Any, label: str) -> str:
        name, count = label, 1
        while name in self.parts:
            count += 1
            name = f"{label} #{count}"
        self._names[id(thing)] = name
        self._kept.append(thing)
        self.parts[name] = ""  # taken, so that code which reaches itself ends
        return name

    def _close_part(self, name: str, node: ast.AST, scope: dict[str, Any], uses: Any) -> None:
        tree = syntax.dump(node, scopes.ours_in(scope))
        self.parts[name] = digests.of_record([digests.of_bytes(tree), uses])

    def _file(self, file: str) -> str:
        if origin.is_cell(file):
            return "notebook"  # its name changes with every execution of the cell
        path = Path(file).resolve()
        self.files.add(str(path))
        if path.is_relative_to(self._root.resolve()):
            return path.relative_to(self._root.resolve()).as_posix()
        return path.name


@contextmanager
def _inside(label: str) -> Iterator[None]:
    """Say where it was that something could not be followed; the innermost place is said."""
    try:
        yield
    except Unclear as error:
        text = str(error)
        raise Unclear(text if " (in " in text else f"{text} (in {label})") from error
