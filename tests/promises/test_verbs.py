"""Every verb takes the actor first and asks for one permission that exists."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from trueup.foundation.permissions import PERMISSIONS

# Verbs that need no permission, and why.
FREE = {"People.found": "makes the first owner of an empty project, and nothing afterwards"}


class Verb(NamedTuple):
    where: str
    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef
    siblings: dict[str, Any]


def verbs(modules: list[Any]) -> Iterator[Verb]:
    """Public methods of the public classes in every `service.py`."""
    for module in modules:
        if not module.path.endswith("service.py"):
            continue
        for class_ in module.tree.body:
            if not isinstance(class_, ast.ClassDef) or class_.name.startswith("_"):
                continue
            methods = {
                node.name: node
                for node in class_.body
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            for name, node in methods.items():
                if not name.startswith("_") and not node.decorator_list:
                    yield Verb(module.path, f"{class_.name}.{name}", node, methods)


def test_there_are_verbs_to_look_at(modules: list[Any]) -> None:
    assert "Plans.adopt" in {verb.name for verb in verbs(modules)}


def test_every_verb_takes_the_actor_first(modules: list[Any]) -> None:
    wrong = []
    for verb in verbs(modules):
        arguments = verb.node.args.args[1:2]
        annotation = ast.unparse(arguments[0].annotation or ast.Constant("")) if arguments else ""
        if verb.name not in FREE and (annotation != "Actor" or arguments[0].arg != "actor"):
            wrong.append(f"{verb.where}: {verb.name} must begin (self, actor: Actor, ...)")
    assert not wrong


def test_every_verb_asks_for_a_permission(modules: list[Any]) -> None:
    wrong = [
        f"{verb.where}: {verb.name} never opens self._state.write(actor, ...) or .read(actor)"
        for verb in verbs(modules)
        if verb.name not in FREE and not asks(verb.node, verb.siblings, set())
    ]
    assert not wrong


def test_every_permission_that_is_named_exists(modules: list[Any]) -> None:
    unknown = [
        f"{m.path}:{call.lineno} names '{permission}'"
        for m in modules
        for call, permission in guarded(m.tree)
        if permission not in PERMISSIONS
    ]
    assert not unknown


def test_no_write_unit_is_opened_inside_another(modules: list[Any]) -> None:
    nested = [
        f"{m.path}:{inner.lineno}"
        for m in modules
        for outer in ast.walk(m.tree)
        if isinstance(outer, ast.With) and any(opens(item, "write") for item in outer.items)
        for body in outer.body
        for inner in ast.walk(body)
        if isinstance(inner, ast.With)
        and any(opens(item, "write") or opens(item, "read") for item in inner.items)
    ]
    assert not nested, "read through unit.connection instead"


def test_every_permission_is_used(
    modules: list[Any], complete: Callable[[list[str]], None]
) -> None:
    used = {permission for m in modules for _, permission in guarded(m.tree)}
    for module in modules:
        if module.path.startswith(("doors/", "app/", "lifecycle/serving/")):  # routes name theirs
            used |= {
                node.value
                for node in ast.walk(module.tree)
                if isinstance(node, ast.Constant) and node.value in PERMISSIONS
            }
    complete(
        [
            f"permission '{name}' is used by no verb and no route"
            for name in sorted(PERMISSIONS - used)
        ]
    )


def opens(item: ast.withitem, how: str) -> bool:
    call = item.context_expr
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == how
        and ast.unparse(call.func.value).endswith("state")
    )


def guarded(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Calls of `state.write(actor, permission)` and `state.read(actor)`, with the permission."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        owner = ast.unparse(call.func.value)
        if call.func.attr == "guard" and owner == "access":  # a verb that asks for one more
            yield call, ast.literal_eval(call.args[2])
        if call.func.attr not in ("write", "read") or not owner.endswith("state"):
            continue
        given = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "permission")]
        if given and isinstance(given[0], ast.Constant):
            yield call, str(given[0].value)
        elif not given and call.func.attr == "read":
            yield call, "read"


def asks(node: ast.AST, siblings: dict[str, Any], seen: set[str]) -> bool:
    """Whether a verb opens a unit for `actor`, itself or through a verb it hands `actor` to."""
    for call in ast.walk(node):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if not call.args or ast.unparse(call.args[0]) != "actor":
            continue
        owner, name = ast.unparse(call.func.value), call.func.attr
        if owner.endswith("state") and name in ("write", "read", "submit"):
            return True
        if owner == "self" and name in siblings and name not in seen:
            if asks(siblings[name], siblings, seen | {name}):
                return True
        elif owner.startswith("self.") and not name.startswith("_"):
            return True
    return False
