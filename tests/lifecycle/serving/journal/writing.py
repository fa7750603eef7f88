"""A process that writes a journal as fast as it can and says what was acknowledged; to be killed.

`python -m tests.lifecycle.serving.journal.writing FOLDER durable|written`
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from trueup.lifecycle.serving.journal.writer import Journal, Way

from ..conftest import prediction

TASKS = 16


async def write(folder: Path, way: Way) -> None:
    """Append from several tasks without an end; each id is printed once it is acknowledged."""
    journal = Journal(folder, segment_bytes=20_000)
    numbers = count(os.getpid() << 32)

    async def one() -> None:
        while True:
            request = f"{next(numbers):032x}"
            await journal.append([prediction(request)], way)
            os.write(1, request.encode() + b"\n")

    await asyncio.gather(*(one() for _ in range(TASKS)))


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), Way(durable=sys.argv[2] == "durable")))
