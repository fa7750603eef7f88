"""A push or a pull in a process of its own, for tests that kill it.

python transferring.py ROOT push|pull
"""

from __future__ import annotations

import sys
from pathlib import Path

from trueup.backends.blobs.local import Backend as LocalBlobs
from trueup.backends.keys.file import Backend as FileKey
from trueup.foundation import packs
from trueup.foundation.actor import Actor
from trueup.lifecycle.data.exchange.service import Exchange
from trueup.people.access import guard
from trueup.state.database import Database
from trueup.state.remotes import receiving
from trueup.state.unit import State

packs.FULL = 300_000  # several packs of little data
receiving._BYTES = 1

root = Path(sys.argv[1])
home = root / ".trueup"
state = State(
    Database(f"sqlite:///{home / 'trueup.db'}"),
    LocalBlobs(f"local://{home / 'blobs'}"),
    FileKey(f"file://{home / 'keys' / 'signing.key'}"),
    guard,
)
exchange = Exchange(state, root, home)
try:
    done = getattr(exchange, sys.argv[2])(Actor(name="sam"))
except KeyboardInterrupt:
    sys.exit(130)
sys.stdout.write(f"done {done.moved.packs}\n")
