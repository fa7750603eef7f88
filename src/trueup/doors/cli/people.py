"""`trueup people`: who belongs to the project, and the tokens that speak for them."""

from __future__ import annotations

from datetime import timedelta

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation import clock
from trueup.foundation.errors import UsageError
from trueup.people.rules import permitted


@click.group(cls=Group)
def command() -> None:
    """Who may do what."""


@command.command("list", example="trueup people list")
@output.json_option
def list_(as_json: bool) -> None:
    """List all people, their roles, and what these allow."""
    with output.here() as workspace:
        everybody = workspace.people.everybody(workspace.owner)
    if as_json:
        output.emit_json(
            [{"person": person, "may": sorted(permitted(person.roles))} for person in everybody]
        )
        return
    rows = []
    for person in everybody:
        may = (
            "everything" if "owner" in person.roles else ", ".join(sorted(permitted(person.roles)))
        )
        rows.append((person.name, ", ".join(person.roles), person.origin, may))
    output.table(("name", "roles", "by", "may"), rows)
    output.say("\nThe \\[team] of trueup.toml says who belongs to the project, beside accounts.")
    output.next_step("trueup plan adopt")


@command.group("token", cls=Group)
def token() -> None:
    """Secrets by which programs and browsers say who they act for."""


@token.command("add", example="trueup people token add rita --expires 90d")
@click.argument("name")
@click.option(
    "--expires",
    default="90d",
    show_default=True,
    metavar="DURATION",
    help="How long it counts: 12h, 90d, 4w or never.",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="Limit it to predict:DEPLOYMENT, feedback:DEPLOYMENT or metrics; may be repeated.",
)
@output.as_option
@output.json_option
def add(name: str, expires: str, scopes: tuple[str, ...], speaker: str, as_json: bool) -> None:
    """Make a token for a person; its secret is shown this once."""
    lasts = _lasts(name, expires)
    with output.here() as workspace:
        made = workspace.tokens.add(workspace.speaking_as(speaker), name, lasts, scopes)
    if as_json:
        output.emit_json(made)
        return
    until = made.token.expires_at
    ends = "never ends" if until is None else f"ends on {until:%Y-%m-%d}"
    output.say(
        "Token {} speaks for {} and {}. Nobody can show it again:", made.token.id, name, ends
    )
    click.echo(made.secret)
    if made.token.scopes:
        output.say("It is limited to {}.", ", ".join(made.token.scopes))
        output.next_step("trueup serve --require-sign-in")
        return
    output.next_step("export MLFLOW_TRACKING_TOKEN=…", "trueup up --require-sign-in")


@token.command("list", example="trueup people token list")
@output.as_option
@output.json_option
def tokens(speaker: str, as_json: bool) -> None:
    """List tokens and how they stand; never the secrets."""
    with output.here() as workspace:
        found = workspace.tokens.known(workspace.speaking_as(speaker))
    now = clock.now()
    if as_json:
        output.emit_json([{"token": each, "state": each.state(now)} for each in found])
        return
    if not found:
        output.say("There is no token.")
        output.next_step("trueup people token add NAME")
        return
    rows = [
        (
            each.id,
            each.person,
            each.state(now),
            f"{each.made_at:%Y-%m-%d}",
            "never" if each.expires_at is None else f"{each.expires_at:%Y-%m-%d}",
            ", ".join(each.scopes) or "everything",
        )
        for each in found
    ]
    output.table(("token", "person", "state", "made", "ends", "for"), rows)
    output.next_step(f"trueup people token revoke {found[0].id}")


@token.command("revoke", example="trueup people token revoke 0j3k9m2n5p")
@click.argument("token_id", metavar="TOKEN")
@output.as_option
@output.json_option
def revoke(token_id: str, speaker: str, as_json: bool) -> None:
    """Take a token back: from now on it counts for nothing."""
    with output.here() as workspace:
        revoked = workspace.tokens.revoke(workspace.speaking_as(speaker), token_id)
    if as_json:
        output.emit_json(revoked)
        return
    output.say("Token {} of {} counts for nothing any more.", revoked.id, revoked.person)
    output.next_step("trueup people token list")


def _lasts(name: str, expires: str) -> timedelta | None:
    if expires == "never":
        return None
    try:
        return clock.parse_duration(expires)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            "token-lasts-long",
            f"--expires: {str(error)[:200]}",
            hint=f"trueup people token add {name[:100]} --expires 90d",
        ) from error
