"""Who acts: a person, or a part of Trueup acting for one. Every verb takes an actor."""

from __future__ import annotations

from trueup.foundation.records import Record


class Actor(Record):
    """Whoever calls a verb.

    Attributes:
        name: The person's or service's name.
        kind: `person` or `service` (automation, server, scheduler).
        on_behalf_of: Whose wish a service carries out, or which local account speaks for a person.
        scopes: What a limited token lets its person do, such as `predict:clinic`; empty for all
            that the person may.
    """

    name: str
    kind: str = "person"
    on_behalf_of: str = ""
    scopes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} for {self.on_behalf_of}" if self.on_behalf_of else self.name


def service(name: str, on_behalf_of: str = "") -> Actor:
    """A part of Trueup that acts by itself, such as automation."""
    return Actor(name=name, kind="service", on_behalf_of=on_behalf_of)
