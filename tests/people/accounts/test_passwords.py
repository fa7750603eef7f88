"""What a password costs the server that looks at it."""

from __future__ import annotations

import subprocess
import sys

import pytest

# With a fifth of the usual work for each; twelve threads wait for one another, as log-ins do.
GUESSES = """
import threading
from concurrent.futures import ThreadPoolExecutor
from trueup.people.passwords import rules

def anonymous():
    said = dict(line.split(":") for line in open("/proc/self/status"))
    return int(said["RssAnon"].split()[0])

kept = rules.hashed("correct horse").replace("$5$", "$1$")
before = anonymous()
together = threading.Barrier(12)

def guess(number):
    together.wait()
    return rules.matches(f"wrong horse {number}", kept)

with ThreadPoolExecutor(12) as pool:
    assert not any(pool.map(guess, range(12)))
    print(anonymous() - before)
"""


@pytest.mark.slow
def test_many_who_sign_in_at_once_leave_no_memory_behind() -> None:
    done = subprocess.run([sys.executable, "-c", GUESSES], capture_output=True, check=True)
    assert int(done.stdout) < 80 << 10
