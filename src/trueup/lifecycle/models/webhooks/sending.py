"""Telling web hooks what waits for them: at least once, in order, with patience."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from trueup.foundation.errors import BackendError, TrueupError
from trueup.lifecycle.models.webhooks import rules
from trueup.lifecycle.models.webhooks.records import Answer, Delivery, Errand
from trueup.lifecycle.plan.service import surroundings
from trueup.ports.http import Response
from trueup.state.outbound import Outbound

SECONDS: Final = 10.0
_SHOWN: Final = 10_000

Settle = Callable[[Errand, Delivery, Answer], bool]


def private_hosts(root: Path) -> frozenset[str]:
    """The hosts of this network that the project in `root` lets web hooks point at."""
    return frozenset(surroundings(root).webhooks.private_hosts)


def outbound(root: Path) -> Outbound:
    """Asks public addresses, and the private hosts that trueup.toml allows."""
    return Outbound(seconds=SECONDS, private=private_hosts(root))


def attempt(http: Outbound, url: str, secret: str, delivery: str, body: str) -> Answer:
    """Tell one thing once; what goes wrong is in the answer."""
    headers = rules.headers(secret, delivery, int(time.time()), body)
    try:
        reply = http.request("POST", url, headers=headers, content=body.encode())
    except BackendError as error:
        return Answer(error=error.message)
    except TrueupError as error:  # the address may not be asked, and may not tomorrow
        return Answer(status=None, error=f"{error.message} {error.hint}")
    text = reply.text[:_SHOWN]
    if reply.status < 300:
        return Answer(status=reply.status, body=text)
    error_ = f"{reply.url} answered {reply.status}."
    return Answer(status=reply.status, body=text, error=error_, wait_s=_asked(reply))


def run(errand: Errand, http: Outbound, settle: Settle) -> None:
    """Tell one web hook what waits for it, until something fails.

    Args:
        errand: Whom, and what.
        http: Asks.
        settle: Writes down how an attempt ended; false when the rest must wait.
    """
    for delivery in errand.deliveries:
        if errand.trouble:
            answer = Answer(error=errand.trouble)
        else:
            answer = attempt(http, errand.webhook.url, errand.secret, delivery.id, delivery.body)
        if not settle(errand, delivery, answer):
            return


def _asked(reply: Response) -> int:
    said = reply.headers.get("retry-after", "")
    return min(int(said), 86_400) if said.isdecimal() and len(said) < 10 else 0
