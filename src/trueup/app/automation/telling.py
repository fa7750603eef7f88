"""Tells web hooks what waits for them, for as long as a server runs.

Several servers may run it: a lease lets one tell. Whatever that one is killed over is told by the
next. Read `lifecycle/models/webhooks/sending.py` next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from typing import Final

from trueup.app.wiring import Workspace
from trueup.foundation import clock
from trueup.foundation.actor import service
from trueup.foundation.errors import TrueupError
from trueup.lifecycle.models.webhooks import sending
from trueup.lifecycle.models.webhooks.records import Answer, Delivery, Errand
from trueup.state.leases import Lease

EVERY_S: Final = 1.0
_LEASE: Final = timedelta(seconds=60)
_RENEWED_S: Final = 15.0
_AT_ONCE: Final = 4
_ACTOR: Final = service("automation")


def attend(workspace: Workspace, tell: Callable[[str], None], stop: threading.Event) -> None:
    """Tell whatever waits until `stop` is set.

    Args:
        workspace: The project.
        tell: Takes troubles, a sentence at a time; a lasting one once.
        stop: Set when the server stops: what is under way is told to its end.
    """
    lease = Lease(workspace.state.database, "webhooks", _LEASE)
    told = ""
    while not stop.is_set():
        trouble = ""
        try:
            tell_all(workspace, lease, stop)
        except TrueupError as error:
            trouble = error.message
        except Exception as error:  # a bug in one round must not end all of them
            trouble = f"{type(error).__name__}: {error}"
        if trouble and trouble != told:
            tell(f"web hooks: {trouble}")
        told = trouble
        stop.wait(EVERY_S)


def tell_all(workspace: Workspace, lease: Lease, stop: threading.Event) -> None:
    """Tell everybody what they are to be told now, several at once and each in order."""
    webhooks = workspace.webhooks
    errands = webhooks.due(_ACTOR, clock.now())
    if not errands or not lease.take():
        return
    lost = threading.Event()

    def settle(errand: Errand, delivery: Delivery, answer: Answer) -> bool:
        goes_on = webhooks.settle(_ACTOR, errand, delivery, answer)
        return goes_on and not (stop.is_set() or lost.is_set())

    with (
        sending.outbound(workspace.root) as http,
        ThreadPoolExecutor(_AT_ONCE, "trueup-webhooks") as pool,
    ):
        run = partial(sending.run, http=http, settle=settle)
        pending = {pool.submit(run, errand) for errand in errands}
        while pending:
            done, pending = wait(pending, timeout=_RENEWED_S)
            for each in done:
                each.result()
            if pending and not lease.take():  # another server tells by now: the same, perhaps
                lost.set()
    lease.release()  # whoever comes after a kill waits only when it was in the middle of this
