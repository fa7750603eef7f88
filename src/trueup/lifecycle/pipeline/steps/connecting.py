"""Connections to services of others, as `[connections.NAME]` in trueup.toml describes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trueup.foundation.configuration import HOME
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.pipeline import secrets
from trueup.lifecycle.plan.records import Connection
from trueup.lifecycle.plan.service import surroundings
from trueup.ports.builds import Builds
from trueup.ports.hosting import Hosting
from trueup.ports.loading import load
from trueup.state.outbound import Outbound

_PUBLIC = {"github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4"}


def builds(root: Path, http: Outbound, name: str = "jenkins") -> Builds:
    """The server that builds for us.

    Raises:
        NotFoundError: trueup.toml has no such connection, or its secret is not there.
    """
    connection = _find(root, name)
    server: Builds = load("builds", "jenkins")(
        connection.url, http, connection.user, _token(root, connection)
    )
    return server


def hosting(root: Path, http: Outbound, name: str, otherwise: Connection | None = None) -> Hosting:
    """The service that hosts the repository: `github` or `gitlab`.

    Args:
        root: The project's folder.
        http: The client.
        name: Which one.
        otherwise: The connection to use when trueup.toml has none of that name.

    Raises:
        NotFoundError: trueup.toml has no such connection, or its secret is not there.
    """
    connection = _find(root, name, otherwise)
    if not connection.repository:
        raise UsageError(
            "connection-incomplete",
            f"The connection '{name}' names no repository.",
            hint=f'add to [connections.{name}] in trueup.toml:  repository = "owner/name"',
        )
    service: Hosting = load("hosting", name)(
        connection.url, http, _token(root, connection), connection.repository
    )
    return service


def address(root: Path, name: str) -> tuple[str, str]:
    """The address of a service that takes what it is sent, and the token for it; may be empty.

    Raises:
        NotFoundError: trueup.toml has no such connection, or its secret is not there.
    """
    connection = _find(root, name)
    return connection.url, _token(root, connection)


def outbound(root: Path) -> Outbound:
    """A client that knows which hosts may be asked without TLS."""
    known = surroundings(root).connections.values()
    plain = {urlsplit(c.url).hostname or "" for c in known if c.plain_http}
    return Outbound(frozenset(plain))


def known(root: Path, *names: str) -> str:
    """The first of these connections that trueup.toml has; empty for none."""
    connections = surroundings(root).connections
    return next((name for name in names if name in connections), "")


def _token(root: Path, connection: Connection) -> str:
    name = connection.token.removeprefix("secret:")
    return secrets.value_of(name, root / HOME) if name else ""


def _find(root: Path, name: str, otherwise: Connection | None = None) -> Connection:
    connections: dict[str, Any] = surroundings(root).connections
    if name not in connections and otherwise is not None:
        return otherwise
    if name not in connections:
        url = _PUBLIC.get(name, "https://ci.example.org")
        raise NotFoundError(
            "connection-not-found",
            f"trueup.toml has no connection '{name}'.{did_you_mean(name, connections)}",
            hint=f'add to trueup.toml:  [connections.{name}]  url = "{url}"',
        )
    found: Connection = connections[name]
    return found
