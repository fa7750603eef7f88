"""Tracking beside MLflow 3.17: MLflow's own client on both servers, in turns, both on SQLite.

    python bench/tracking.py                     all of it, and the section "Tracking" of RESULTS.md
    python bench/tracking.py --quick             small sizes; writes nothing
    python bench/tracking.py --only calls,search --rounds 1
    python bench/tracking.py --seed              make what `depth` searches, and nothing else

The first call installs MLflow into build/mlflow. The 75,000 runs that `depth` searches are
made once, in build/seeds, and again when their shape or the tables change.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peers
import seed
from results import write_section
from servers import Server, asked, ended

ROOT = Path(__file__).parents[1]
SEEDS = ROOT / "build" / "seeds"
MAKES_SEEDS = (Path(seed.__file__), ROOT / "src/trueup/state/migrations/versions/0001_first.py")
SEARCH = "/api/2.0/mlflow/runs/search"
OURS, THEIRS = "Trueup", "MLflow"


class Sizes:
    """How much of each work; small ones to try it."""

    def __init__(self, *, quick: bool) -> None:
        self.rounds = 1 if quick else 3
        self.metrics = 100 if quick else 500
        self.runs = 20 if quick else 100
        self.batches = 5 if quick else 20
        self.points = 5_000 if quick else 50_000
        self.found = 1_000 if quick else 10_000
        self.models = 1 if quick else 5
        self.seconds = 5 if quick else 60
        self.writers = 4 if quick else 16
        self.runs_of_each = 30 if quick else 1500
        self.soak = 10 if quick else 120


class Figures:
    """What was measured of both: by work and server, in the order in which it came."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, list[float]]] = {}

    def note(self, work: str, server: Server, value: float) -> None:
        """Keep one value."""
        print(f"{server.name}: {work}: {value:,.2f}", file=sys.stderr)
        self.found.setdefault(work, {}).setdefault(server.name, []).append(value)

    def table(self) -> list[str]:
        """Medians side by side, and how many times ours is ahead."""
        lines = ["| Work | Trueup | MLflow 3.17 | ahead |", "|---|---|---|---|"]
        for work, by in self.found.items():
            ours, theirs = (statistics.median(by[name]) for name in (OURS, THEIRS))
            more_is_better = work.endswith("/s")
            low, high = (theirs, ours) if more_is_better else (ours, theirs)
            ahead = f"{high / low:.1f} x" if low else ""
            lines.append(f"| {work} | {ours:,.1f} | {theirs:,.1f} | {ahead} |")
        return lines


class Pair:
    """Both servers, over databases that hold the same runs.

    Args:
        folder: Where they stand.
        sizes: How many runs, among others.
        figures: Takes what is measured.
    """

    def __init__(self, folder: Path, sizes: Sizes, figures: Figures) -> None:
        self.servers = [Server(OURS, folder), Server(THEIRS, folder)]
        self.sizes = sizes
        self.note = figures.note

    def begin(self) -> None:
        """Start on empty folders, fill them, start again."""
        for server in self.servers:
            self.note("start on an empty folder, s", server, server.start())
            time.sleep(3)
            self.note("memory when idle, MiB", server, server.memory())
            server.stop()
        # What both hold of a point's history is of no matter to a search: few points, soon there.
        shape = seed.Shape(1, self.sizes.found, params=20, tags=5, wide=0, fewest=2, most=5)
        ours, theirs = self.servers
        seed.fill(ours.folder, shape, quiet=True)
        seed.fill_mlflow(theirs.folder / "mlflow.db", shape)
        for server in self.servers:
            server.start()

    def end(self) -> None:
        """Stop both."""
        for server in self.servers:
            server.stop()

    def calls(self) -> None:
        """What a training calls, and the history that is read of it."""
        s = self.sizes
        works = {
            "log_metric": (s.metrics, "log_metric, calls/s", "rate"),
            "whole_run": (s.runs, "create run, log_batch, end, runs/s", "rate"),
            "log_batch": (s.batches, "log_batch(1000), calls/s", "rate"),
            "model": (s.models, "log_model and load_model, ms", "ms"),
            "history": (s.points, f"history of {s.points:,} points, ms", "ms"),
        }
        for _ in range(s.rounds):
            for server in self.servers:
                for found in server.ask([f"{work}:{works[work][0]}" for work in works]):
                    _, name, unit = works[found["work"]]
                    self.note(name, server, found[unit])
                    self._parts(name, server, found)

    def search(self) -> None:
        """The best runs of many, which must be the same on both."""
        name = f"top 100 of {self.sizes.found:,} runs by a metric, ms"
        best = {}
        for _ in range(self.sizes.rounds):
            for server in self.servers:
                for found in server.ask(["search:1"]):
                    self.note(name, server, found["ms"])
                    self._parts(name, server, found)
                    best[server.name] = found["found"]
        if best[OURS] != best[THEIRS]:
            raise SystemExit("the two servers found different runs")

    def write(self) -> None:
        """Several processes that log at once: what they sent, and what is missing."""
        count, seconds = self.sizes.writers, self.sizes.seconds
        for server in self.servers:
            clients = [asked(server, [f"write:{seconds}"]) for _ in range(count)]
            answers = [ended(server, client)[0] for client in clients]
            total = {key: sum(each[key] for each in answers) for key in ("sent", "errors", "lost")}
            name = f"{count} writers for {seconds} s"
            self.note(f"{name}, points/s", server, total["sent"] / seconds)
            self.note(f"{name}, errors", server, total["errors"])
            self.note(f"{name}, lost points", server, total["lost"])
            self.note("memory after all, MiB", server, server.memory())

    def _parts(self, name: str, server: Server, found: dict[str, Any]) -> None:
        """Of a work that reads: the server's part, and the client's own."""
        if "answer" in found:
            self.note(f"— of it the server's answer: {name}", server, found["answer"])
            self.note(f"— of it the client's own reading: {name}", server, found["floor"])
        print(f"   server's processor: {found['server_cpu']:.2f} s", file=sys.stderr)


def seeded(sizes: Sizes) -> Path:
    """A project with very many runs, which is kept from one call to the next."""
    shape = seed.Shape(runs=sizes.runs_of_each)
    made_by = b"".join(each.read_bytes() for each in MAKES_SEEDS)
    mark = hashlib.sha256(made_by + repr(shape).encode()).hexdigest()[:12]
    folder = SEEDS / f"{shape.experiments * shape.runs}-{mark}"
    if not (folder / "counts.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        counts = seed.fill(folder, shape)
        (folder / "counts.json").write_text(json.dumps(counts))
    return folder


def depth(sizes: Sizes) -> list[str]:
    """Search over many runs, page by page to the last one, and filters of every kind."""
    folder = seeded(sizes)
    counts = json.loads((folder / "counts.json").read_text())
    shape = seed.Shape()
    every = {"experiment_ids": [str(each + 1) for each in range(shape.experiments)]}
    by_loss = {"order_by": ["metrics.loss ASC"]}
    searches: list[tuple[str, int, dict[str, Any]]] = [
        ("newest first", 100, every),
        ("by a metric", 100, every | by_loss),
        ("by a metric, filtered", 100, every | by_loss | {"filter": "params.p001 LIKE '0.5%'"}),
        ("a parameter that no run has so", 100, every | {"filter": "params.p001 = 'none'"}),
        ("part of one that hardly any has", 100, every | {"filter": "params.p001 LIKE '%0001%'"}),
        ("whole runs, 1,000 a page", 1000, every),
        ("runs of 1,500 metrics each", 100, {"experiment_ids": [str(shape.experiments)]}),
    ]
    rows = []
    server = Server(OURS, folder.parent, folder)
    try:
        server.start()
        for name, size, asked_for in searches:
            took = pages(server, asked_for | {"max_results": size}, 750)
            ordered = sorted(took)
            ends = max(1, len(took) // 10)
            rows.append(
                f"| {name} | {len(took):,} | {statistics.median(took):.0f} "
                f"| {ordered[int(0.95 * (len(took) - 1))]:.0f} "
                f"| {statistics.median(took[:ends]):.0f} | {statistics.median(took[-ends:]):.0f} |"
            )
            print(rows[-1], file=sys.stderr)
    finally:
        server.stop()
    return [
        f"Trueup alone with {counts['runs']:,} runs, {counts['params']:,} parameters and "
        f"{counts['points']:,} points, pages of 100 runs over plain HTTP, milliseconds:",
        "",
        "| Search | pages | median | p95 | first tenth | last tenth |",
        "|---|---|---|---|---|---|",
        *rows,
    ]


def pages(server: Server, asked_for: dict[str, Any], most: int) -> list[float]:
    """Milliseconds of each page, from the first to the last; of a lone one, many times."""
    took: list[float] = []
    token = ""
    while len(took) < most:
        more = {"page_token": token} if token else {}
        milliseconds, raw = server.post(SEARCH, asked_for | more)
        took.append(milliseconds)
        token = json.loads(raw).get("next_page_token", "")
        if not token and len(took) >= 20:
            break
    return took


def soak(sizes: Sizes, base: Path) -> list[str]:
    """MiB of the server at each tenth of the time, while four clients write and one searches."""
    server = Server(OURS, base / "soak")
    found = []
    try:
        server.start()
        clients = [asked(server, [f"write:{sizes.soak}"]) for _ in range(4)]
        for _ in range(10):
            until = time.monotonic() + sizes.soak / 10
            while time.monotonic() < until:
                server.post(SEARCH, {"experiment_ids": ["0"], "order_by": ["metrics.loss"]})
                time.sleep(0.1)
            found.append(server.memory())
        lost = sum(ended(server, client)[0]["lost"] for client in clients)
    finally:
        server.stop()
    return [
        f"Memory of the server under {sizes.soak:,} s of steady writing and searching, each tenth, "
        f"MiB: {', '.join(f'{value:.0f}' for value in found)}; {lost} points lost.",
    ]


PARTS = ("calls", "search", "writers", "depth", "soak")


def measured(sizes: Sizes, parts: set[str], base: Path) -> list[str]:
    """The lines of the section."""
    figures = Figures()
    lines: list[str] = []
    both: dict[str, Callable[[Pair], None]] = {
        "calls": Pair.calls,
        "search": Pair.search,
        "writers": Pair.write,
    }
    if parts & both.keys():
        pair = Pair(base, sizes, figures)
        try:
            pair.begin()
            for part, measure in both.items():
                if part in parts:
                    measure(pair)
        finally:
            pair.end()
        lines += [
            f"MLflow's own client 3.17 on both servers, both on SQLite; median of {sizes.rounds} "
            "rounds in turns. What the client itself takes to read an answer bounds what any "
            "server can gain through it, so the server's answer to the same request stands beside.",
            "",
            *figures.table(),
        ]
    if "depth" in parts:
        lines += ["", *depth(sizes)]
    if "soak" in parts:
        lines += ["", *soak(sizes, base)]
    return lines


def main() -> int:
    """Measure, print and write."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="small sizes; writes nothing")
    options.add_argument("--seed", action="store_true", help="make the seed of depth alone")
    options.add_argument("--only", help=f"parts, between commas, of {', '.join(PARTS)}")
    options.add_argument("--rounds", type=int, help="how often both are measured in turns")
    options.add_argument("--seconds", type=int, help="how long the writers write")
    options.add_argument("--soak", type=int, help="how many seconds memory is watched")
    chosen = options.parse_args()
    parts = set(chosen.only.split(",")) if chosen.only else set(PARTS)
    if parts - set(PARTS):
        options.error(f"--only knows {', '.join(PARTS)}")
    sizes = Sizes(quick=chosen.quick)
    for name in ("rounds", "seconds", "soak"):
        if getattr(chosen, name) is not None:
            setattr(sizes, name, getattr(chosen, name))
    signal.signal(signal.SIGTERM, lambda *_given: sys.exit(143))  # servers end with this process
    if chosen.seed:
        print(seeded(sizes))
        return 0
    peers.mlflow()
    began = time.perf_counter()
    # Not /tmp, which may be memory: syncing shall mean something.
    base = Path(tempfile.mkdtemp(dir=Path.cwd(), prefix="bench-tracking-"))
    try:
        lines = measured(sizes, parts, base)
    finally:
        shutil.rmtree(base)
    lines += ["", f"The whole took {(time.perf_counter() - began) / 60:.0f} minutes."]
    print("\n".join(lines))
    if not chosen.quick and parts == set(PARTS):
        write_section("Tracking", lines)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
