"""Endpoints of users, their roles and what these allow; what our roles cannot say is refused.

Roles are fixed and count for the whole project. So roles are given and taken here, and none is
made, changed or bound to one experiment or model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, get_args

from trueup.doors.mlflow.asking import Call, invalid
from trueup.doors.mlflow.failures import Refusal
from trueup.foundation.permissions import Permission
from trueup.people.records import Role
from trueup.people.rules import permitted

if TYPE_CHECKING:
    from trueup.people.records import Person

_NUMBERS: Final[Mapping[int, Role]] = dict(enumerate(get_args(Role), start=1))
_NUMBER: Final[Mapping[Role, int]] = {role: number for number, role in _NUMBERS.items()}
_WORKSPACE: Final = "default"
_MEANING: Final[Mapping[Role, str]] = {
    "owner": "May do everything, also change people.",
    "scientist": "Makes data, runs and models, and asks for releases.",
    "reviewer": "Answers approvals, and has models judged.",
    "operator": "Operates releases and handles alerts.",
    "viewer": "May read.",
}
# What MLflow calls a thing -> what one needs here to change it.
_CHANGES: Final[Mapping[str, Permission]] = {
    **dict.fromkeys(("experiment", "run", "trace", "assessment", "logged_model"), "runs.write"),
    **dict.fromkeys(("registered_model", "registered_model_version"), "models.write"),
    **dict.fromkeys(("prompt", "prompt_version"), "models.write"),
}
_LISTED: Final = ("experiment", "registered_model", "prompt")
_CAN_USE: Final = ("USE", "EDIT", "MANAGE")


def create(call: Call) -> dict[str, Any]:
    """Let somebody in, who may read."""
    name, password = call.filled("username"), call.filled("password")
    return {"user": user(call.workspace.accounts.add(call.actor, name, password))}


def get(call: Call) -> dict[str, Any]:
    """One user."""
    return {"user": user(_named(call))}


def current(call: Call) -> dict[str, Any]:
    """Who asks."""
    found = call.workspace.accounts.show(call.actor, call.actor.name)
    return {"user": user(found), "is_basic_auth": True}


def list_(call: Call) -> dict[str, Any]:
    """All users."""
    everybody = call.workspace.people.everybody(call.actor)
    return {
        "users": [
            user(person) | {"roles": [role(each) for each in _in_order(person.roles)]}
            for person in everybody
        ]
    }


def set_password(call: Call) -> dict[str, Any]:
    """Give a user another password."""
    name, password = call.filled("username"), call.filled("password")
    old = call.text("current_password", default="")
    call.workspace.accounts.set_password(call.actor, name, password, old)
    return {}


def set_admin(call: Call) -> dict[str, Any]:
    """Make a user an owner, or no longer."""
    name = call.filled("username")
    if call.given.get("is_admin") is None:
        raise invalid("is_admin", None)
    accounts = call.workspace.accounts
    change = accounts.give_role if call.flag("is_admin") else accounts.take_role
    change(call.actor, name, "owner")
    return {}


def delete(call: Call) -> dict[str, Any]:
    """Take an account away."""
    call.workspace.accounts.remove(call.actor, call.filled("username"))
    return {}


def roles(call: Call) -> dict[str, Any]:
    """The roles there are; none in a workspace that is not there."""
    wanted = call.texts("workspace")
    there = not wanted or _WORKSPACE in wanted
    return {"roles": [role(each) for each in _NUMBER] if there else []}


def get_role(call: Call) -> dict[str, Any]:
    """One role."""
    return {"role": role(_role(call))}


def role_permissions(call: Call) -> dict[str, Any]:
    """What a role allows, as MLflow would say it."""
    return {"role_permissions": role(_role(call))["permissions"]}


def role_users(call: Call) -> dict[str, Any]:
    """Who has a role."""
    wanted = _role(call)
    everybody = call.workspace.people.everybody(call.actor)
    return {
        "assignments": [_assignment(each, wanted) for each in everybody if wanted in each.roles]
    }


def user_roles(call: Call) -> dict[str, Any]:
    """The roles that a user has."""
    return {"roles": [role(each) for each in _in_order(_named(call).roles)]}


def assign(call: Call) -> dict[str, Any]:
    """Give a user a role."""
    name, wanted = call.filled("username"), _role(call)
    changed = call.workspace.accounts.give_role(call.actor, name, wanted)
    return {"assignment": _assignment(changed, wanted)}


def unassign(call: Call) -> dict[str, Any]:
    """Take a role from a user."""
    call.workspace.accounts.take_role(call.actor, call.filled("username"), _role(call))
    return {}


def user_permission(call: Call) -> dict[str, Any]:
    """What a user may do with one thing."""
    level = _level_on(call, call.filled("resource_type"), call.filled("resource_id"))
    return {"allowed": level in _CAN_USE, "permission": level}


def user_permissions(call: Call) -> dict[str, Any]:
    """What a user's roles allow."""
    return _permissions(_named(call))


def current_permissions(call: Call) -> dict[str, Any]:
    """What the roles of whoever asks allow."""
    return _permissions(call.workspace.accounts.show(call.actor, call.actor.name))


def experiment_permission(call: Call) -> dict[str, Any]:
    """What a user may do with an experiment, for clients 2.x."""
    id_ = call.filled("experiment_id")
    words = {"experiment_id": id_, "user_id": _named(call).number}
    words["permission"] = _level_on(call, "experiment", id_)
    return {"experiment_permission": words}


def model_permission(call: Call) -> dict[str, Any]:
    """What a user may do with a registered model, for clients 2.x."""
    name = call.filled("name")
    words = {"name": name, "user_id": _named(call).number}
    words["permission"] = _level_on(call, "registered_model", name)
    return {"registered_model_permission": words}


def no_grant(call: Call) -> dict[str, Any]:
    """Rights to one thing are not given here: they would be said, and not held to.

    Raises:
        Refusal: Always.
    """
    raise Refusal(
        "INVALID_PARAMETER_VALUE",
        "Trueup gives rights by role, for the whole project, and not for one experiment, model or "
        f"prompt. {call.actor.name} can give a role instead: roles/assign, with one of "
        f"{_choices()}; or [team] in trueup.toml.",
    )


def no_role(_call: Call) -> dict[str, Any]:
    """Roles are neither made nor changed.

    Raises:
        Refusal: Always.
    """
    raise Refusal(
        "INVALID_PARAMETER_VALUE",
        f"The roles of Trueup are fixed: {_choices()}. Give one of them: roles/assign.",
    )


def user(found: Person) -> dict[str, Any]:
    """A user on the wire. Clients 2.x look for lists, which are empty: there are no such rights."""
    return {
        "id": found.number,
        "username": found.name,
        "is_admin": "owner" in found.roles,
        "experiment_permissions": [],
        "registered_model_permissions": [],
    }


def role(name: Role) -> dict[str, Any]:
    """A role on the wire, with what it allows as MLflow would say it."""
    number = _NUMBER[name]
    listed = {"workspace": "MANAGE"} if name == "owner" else {}
    listed |= {kind: level([name], kind) for kind in _LISTED}
    return {
        "id": number,
        "name": name,
        "workspace": _WORKSPACE,
        "description": _MEANING[name],
        "permissions": [
            {
                **{"id": 10 * number + place, "role_id": number},
                **{"resource_type": kind, "resource_pattern": "*", "permission": allowed},
            }
            for place, (kind, allowed) in enumerate(listed.items())
        ],
    }


def level(roles_: Iterable[Role], kind: str) -> str:
    """What roles allow with a kind of thing; never more than is true.

    A scientist may delete models too, which EDIT leaves out, but may not say who else may, which
    MANAGE would mean.

    Example:
        >>> level(["viewer"], "experiment"), level(["scientist"], "prompt")
        ('READ', 'EDIT')
    """
    may = permitted(roles_)
    if "people.write" in may:
        return "MANAGE"
    if kind == "workspace":
        return "USE" if "runs.write" in may and "models.write" in may else "NO_PERMISSIONS"
    if _CHANGES[kind] in may:
        return "EDIT"
    return "READ" if "read" in may else "NO_PERMISSIONS"


def _level_on(call: Call, kind: str, id_: str) -> str:
    if kind != "workspace" and kind not in _CHANGES:
        raise Refusal(
            "INVALID_PARAMETER_VALUE",
            f"Invalid resource type '{kind[:100]}'. Valid resource types here are: "
            f"{('workspace', *_CHANGES)}",
        )
    person = _named(call)
    return level(person.roles, kind)


def _permissions(person: Person) -> dict[str, Any]:
    rows = [
        {
            **{"role_id": _NUMBER[each], "role_name": each, "workspace": _WORKSPACE},
            **{key: allowed[key] for key in ("resource_type", "resource_pattern", "permission")},
        }
        for each in _in_order(person.roles)
        for allowed in role(each)["permissions"]
    ]
    return {"is_admin": "owner" in person.roles, "permissions": rows}


def _assignment(person: Person, given: Role) -> dict[str, Any]:
    number = _NUMBER[given]
    return {"id": 10 * person.number + number, "user_id": person.number, "role_id": number}


def _named(call: Call) -> Person:
    return call.workspace.accounts.show(call.actor, call.filled("username"))


def _role(call: Call) -> Role:
    number = call.whole("role_id")
    if number not in _NUMBERS:
        raise Refusal("RESOURCE_DOES_NOT_EXIST", f"Role with id={number} not found")
    return _NUMBERS[number]


def _in_order(roles_: Iterable[Role]) -> list[Role]:
    return sorted(roles_, key=_NUMBER.__getitem__)


def _choices() -> str:
    return ", ".join(f"{name} ({number})" for number, name in _NUMBERS.items())
