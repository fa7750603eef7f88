"""The verbs of accounts. Only who may change people lets somebody in, or gives them a role."""

from __future__ import annotations

from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError
from trueup.people import access
from trueup.people import table as people
from trueup.people.accounts.rules import check_name
from trueup.people.passwords import rules, table
from trueup.people.records import Person, Role
from trueup.people.tokens import table as tokens
from trueup.state.unit import State, Unit


class Accounts:
    """People beside the plan's team, and passwords of all."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, actor: Actor, name: str, password: str) -> Person:
        """Let somebody in, who may read until they get another role.

        Raises:
            ConflictError: Somebody of that name is there.
            UsageError: The name or the password will not do.
        """
        check_name(name)
        rules.check_password(password)
        hash_ = rules.hashed(password)  # which takes a while: nobody waits for it
        with self._state.write(actor, "people.write") as unit:
            # Nobody shall pass for another in a list of approvals, so letters' size does not count.
            alike = (
                each.name
                for each in people.everybody(unit.connection)
                if each.name.lower() == name.lower()
            )
            if known := next(alike, ""):
                raise ConflictError(
                    "person-exists",
                    f"Somebody named '{known}' belongs to this project.",
                    hint="trueup people list",
                    context={"person": known},
                )
            people.add(unit.connection, name, ["viewer"], unit.at, "account")
            table.keep(unit.connection, name, hash_, unit.at)
            unit.emit("person.roles-set", f"person:{name}", data={"roles": ["viewer"]})
            unit.emit("person.password-set", f"person:{name}")
            return _there(unit, name)

    def show(self, actor: Actor, name: str) -> Person:
        """One person of the project.

        Raises:
            NotFoundError: Nobody of that name belongs to it.
        """
        with self._state.read(actor) as connection:
            found = people.person(connection, name)
        if found is None:
            raise _nobody(name)
        return found

    def set_password(self, actor: Actor, name: str, password: str, current: str = "") -> None:
        """Give a person another password.

        Args:
            actor: The person, who proves it by `current`; or somebody who may change people.
            name: Whose.
            password: The new one.
            current: The old one.

        Raises:
            NotFoundError: Nobody of that name belongs to the project.
            DeniedError: It is somebody else's, or `current` is wrong.
            UsageError: It will not do.
        """
        rules.check_password(password)
        with self._state.read(actor) as connection:
            known = table.kept(connection, name)
        is_own = actor.name == name and known is not None
        is_proved = is_own and rules.matches(current, known)
        hash_ = rules.hashed(password)
        with self._state.write(actor, "read") as unit:
            if is_own and table.kept(unit.connection, name) == known:
                if not is_proved:  # who took over a session must not take over the account
                    raise DeniedError(
                        "password-wrong",
                        "The current password is missing or does not match.",
                        hint="send it as current_password, or ask an owner for a new one",
                    )
            else:
                access.guard(unit.connection, actor, "people.write")
            _there(unit, name)
            table.keep(unit.connection, name, hash_, unit.at)
            unit.emit("person.password-set", f"person:{name}")

    def give_role(self, actor: Actor, name: str, role: Role) -> Person:
        """Give a person one more role.

        Raises:
            NotFoundError: Nobody of that name belongs to the project.
            ConflictError: The plan says which roles they have.
        """
        with self._state.write(actor, "people.write") as unit:
            person = _there(unit, name)
            if role not in person.roles:
                _check_origin(person, role)
                _set_roles(unit, name, {*person.roles, role})
            return _there(unit, name)

    def take_role(self, actor: Actor, name: str, role: Role) -> Person:
        """Take a role from a person.

        Raises:
            NotFoundError: Nobody of that name belongs to the project, or they lack the role.
            ConflictError: The plan says which roles they have, or nobody else is an owner.
        """
        with self._state.write(actor, "people.write") as unit:
            person = _there(unit, name)
            if role in person.roles:
                _check_origin(person, role)
                _check_owner_stays(unit, person, role)
                _set_roles(unit, name, {*person.roles} - {role})
            return _there(unit, name)

    def remove(self, actor: Actor, name: str) -> None:
        """Take an account away, with its password and tokens; what they did stays in the log.

        Raises:
            NotFoundError: Nobody of that name belongs to the project.
            ConflictError: The plan names them, it is the actor, or nobody else is an owner.
        """
        with self._state.write(actor, "people.write") as unit:
            person = _there(unit, name)
            if person.name == actor.name:
                raise _standing("nobody removes themselves: another owner can", name)
            if person.origin == "plan":
                raise _standing("the [team] of trueup.toml names them: take them out there", name)
            _check_owner_stays(unit, person, "owner")
            unit.execute(people.people.delete().where(people.people.c.name == name))
            table.forget(unit.connection, name)
            theirs = (tokens.tokens.c.person == name, tokens.tokens.c.revoked_at.is_(None))
            unit.execute(tokens.tokens.update().where(*theirs).values(revoked_at=unit.at))
            unit.emit("person.removed", f"person:{name}", data={"roles": list(person.roles)})


def _set_roles(unit: Unit, name: str, roles: set[Role]) -> None:
    wanted = sorted(roles)
    changed = people.people.update().where(people.people.c.name == name)
    unit.execute(changed.values(roles=wanted))
    unit.emit("person.roles-set", f"person:{name}", data={"roles": wanted})


def _check_origin(person: Person, role: Role) -> None:
    if person.origin == "plan" and role != "owner":  # ownership, once given, outlasts plans
        words = "the [team] of trueup.toml says which roles they have: change it there"
        raise _standing(words, person.name)


def _check_owner_stays(unit: Unit, person: Person, role: Role) -> None:
    if role != "owner" or "owner" not in person.roles:
        return
    others = (each for each in people.everybody(unit.connection) if each.name != person.name)
    if not any("owner" in each.roles for each in others):
        raise _standing("nobody else is an owner", person.name)


def _there(unit: Unit, name: str) -> Person:
    found = people.person(unit.connection, name)
    if found is None:
        raise _nobody(name)
    return found


def _nobody(name: str) -> NotFoundError:
    return NotFoundError(
        "person-not-found",
        f"Nobody named '{name[:100]}' belongs to this project.",
        hint="trueup people list",
        context={"person": name[:100]},
    )


def _standing(because: str, name: str) -> ConflictError:
    return ConflictError(
        "person-stands",
        f"'{name}' stays as they are: {because}.",
        hint="trueup plan adopt",
        context={"person": name},
    )
