"""How a running deployment bears a declared load.

Requests arrive by a clock, whether or not the ones before were answered, and a latency counts from
the moment at which its request was due: a server that stalls cannot hide what it kept waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from trueup.foundation.records import Record
from trueup.lifecycle.gates.methods.parts import told, worst
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.serving.checking.asking import Columns, Deployment, request
from trueup.statistics.quantiles import fewest, quantile

if TYPE_CHECKING:
    import httpx

_LONGEST: Final = 30.0
_QUANTILES: Final = ((0.5, "p50_ms"), (0.95, "p95_ms"), (0.99, "p99_ms"))
_LATE: Final = 0.2  # of the smallest limit: beyond it the client measures itself


class Load(Record):
    """What is asked of the deployment, and what of it.

    Attributes:
        rate: Requests a second.
        seconds: How long.
        concurrency: Requests that may be under way at once; others wait, and their wait counts.
        rows: Rows of a request.
        p50_ms: Most milliseconds of half of the requests.
        p95_ms: The same for 95 of 100.
        p99_ms: The same for 99 of 100.
        errors: Largest share of requests that may get no answer.
        confidence: One-sided confidence of the bounds.
    """

    rate: float
    seconds: float
    concurrency: int = 32
    rows: int = 1
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    errors: float = 0.01
    confidence: float = 0.95


class Sent(NamedTuple):
    """What became of the requests.

    Attributes:
        milliseconds: From when each answered request was due to its answer.
        failures: Why the others got none, and how many.
        late: Milliseconds by which each request left after it was due, through this client alone.
        seconds: How long it all took.
    """

    milliseconds: list[float]
    failures: Counter[str]
    late: list[float]
    seconds: float


def check(deployment: Deployment, columns: Columns, load: Load) -> CheckResult:
    """Send the load, and hold what came back against the limits.

    Raises:
        BackendError: The deployment cannot be asked at all.
    """
    about = deployment.description()
    count = len(next(iter(columns.values())))
    bodies = [
        request(about, {name: _taken(values, start, load.rows) for name, values in columns.items()})
        for start in range(0, count, load.rows)
    ]
    deployment.answers(bodies[0])  # one that has to be right before any load is sent
    return judged(load, asyncio.run(_sent(deployment, bodies, load)), deployment.where)


def judged(load: Load, sent: Sent, where: str) -> CheckResult:
    """What the requests say about the limits."""
    parts = [*_latencies(load, sent), _errors(load, sent), _throughput(load, sent)]
    outcome = worst(parts)
    if late := _lateness(load, sent):
        parts.append(late)
        outcome = "failed" if outcome == "failed" else "not-enough-data"
    total = len(sent.milliseconds) + sent.failures.total()
    p95 = next((p for p in parts if p.name == "p95"), None)
    good = f"{where} bears {load.rate:g} requests a second for {load.seconds:g} s"
    return CheckResult(
        check="load",
        outcome=outcome,
        words=told(parts, good + (f"; {p95.words}" if p95 else "")),
        value=p95.value if p95 else None,
        bound=p95.upper if p95 else None,
        limit=load.p95_ms,
        confidence=load.confidence,
        rows=total,
        parts=tuple(parts),
    )


def _taken(values: Sequence[Any], start: int, rows: int) -> list[Any]:
    """So many values from a place on, from the beginning again behind the end."""
    return [values[(start + number) % len(values)] for number in range(rows)]


async def _sent(deployment: Deployment, bodies: list[bytes], load: Load) -> Sent:
    import httpx

    total = max(int(load.rate * load.seconds), 1)
    url, headers = deployment.address("/infer"), deployment.headers()
    done: list[float] = []
    failures: Counter[str] = Counter()
    late: list[float] = []
    free = asyncio.Semaphore(load.concurrency)
    limits = httpx.Limits(
        max_connections=load.concurrency, max_keepalive_connections=load.concurrency
    )

    async def one(client: httpx.AsyncClient, due: float, body: bytes) -> None:
        async with free:
            why = await _ask(client, url, headers, body)
        if why:
            failures[why] += 1
        else:
            done.append((time.perf_counter() - due) * 1000)

    # No proxy of the surroundings and no redirect: the load goes to the address that was given.
    async with httpx.AsyncClient(
        timeout=_LONGEST, trust_env=False, follow_redirects=False, limits=limits
    ) as client:
        start = time.perf_counter() + 0.05
        async with asyncio.TaskGroup() as group:
            for number in range(total):
                due = start + number / load.rate
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                elif not number % 50:
                    await asyncio.sleep(0)  # whoever is behind must still let answers in
                late.append(max(time.perf_counter() - due, 0.0) * 1000)
                group.create_task(one(client, due, bodies[number % len(bodies)]))
        return Sent(done, failures, late, time.perf_counter() - start)


async def _ask(client: httpx.AsyncClient, url: str, headers: dict[str, str], body: bytes) -> str:
    """Why a request got no answer; empty when it got one."""
    import httpx

    try:
        reply = await client.post(url, content=body, headers=headers)
    except httpx.HTTPError as error:
        return type(error).__name__
    return "" if reply.status_code == 200 else f"status {reply.status_code}"


def _latencies(load: Load, sent: Sent) -> Iterator[Part]:
    for q, name in _QUANTILES:
        limit: float | None = getattr(load, name)
        named = name.removesuffix("_ms")
        if not sent.milliseconds:
            yield Part(name=named, outcome="failed", words="no request got an answer", limit=limit)
            return
        found = quantile(sent.milliseconds, q, load.confidence)
        words = f"{named} is {found.value:.3g} ms"
        outcome: CheckOutcome = "not-applicable"
        if limit is not None:
            words += f", at most {limit:g} will do"
            outcome = "passed"
            if found.value > limit:
                outcome = "failed"
            elif found.upper is None:
                outcome = "not-enough-data"
                words += f"; {fewest(q, load.confidence):,} requests bound it"
            elif found.upper > limit:
                outcome = "not-enough-data"
                words += f", but it may be {found.upper:.3g}: send the load for longer"
        yield Part(
            name=named,
            outcome=outcome,
            words=words,
            value=found.value,
            lower=found.lower,
            upper=found.upper,
            limit=limit,
            rows=len(sent.milliseconds),
        )


def _errors(load: Load, sent: Sent) -> Part:
    failed = sent.failures.total()
    total = failed + len(sent.milliseconds)
    share = failed / total
    why = ", ".join(f"{count:,} x {what}" for what, count in sent.failures.most_common(3))
    words = f"{failed:,} of {total:,} requests got no answer" + (f" ({why})" if why else "")
    return Part(
        name="errors",
        outcome="failed" if share > load.errors else "passed",
        words=words,
        value=share,
        limit=load.errors,
        rows=total,
    )


def _throughput(load: Load, sent: Sent) -> Part:
    rate = len(sent.milliseconds) / sent.seconds
    words = f"{rate:,.1f} answers a second, asked {load.rate:g} times a second"
    words += f" with {load.concurrency:,} at once, {load.rows:,} rows each"
    return Part(name="throughput", outcome="not-applicable", words=words, value=rate)


def _lateness(load: Load, sent: Sent) -> Part | None:
    """Said when this client, not the deployment, was too slow for the load."""
    limits = [limit for _, name in _QUANTILES if (limit := getattr(load, name)) is not None]
    late = float(np.quantile(sent.late, 0.95)) if sent.late else 0.0
    if not limits or late <= _LATE * min(limits):
        return None
    words = f"this machine sent one in twenty requests {late:.3g} ms after it was due: it measures "
    words += "itself; lower the rate, or send from another machine"
    return Part(name="client", outcome="not-enough-data", words=words, value=late)
