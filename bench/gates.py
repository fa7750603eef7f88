"""How often checks of models are wrong, simulated: false alarms where nothing is, finds of what is.

    python bench/gates.py [RUNS]

Rows are judged by a model that is the law behind them, so that every refusal is a false one; then
faults are planted, which must be found and named. Writes the section "Checks of models" of
bench/RESULTS.md; two minutes of CPU with the 1,000 runs of the default.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from results import write_section

from trueup.lifecycle.gates.checks import calibration, fairness, slices, weakness
from trueup.lifecycle.gates.evidence import Evidence, collect
from trueup.lifecycle.models.rules import signature_of
from trueup.lifecycle.plan.demands import Calibration, Fairness, Slices, Weakness
from trueup.statistics.reliability import reliability

CARRIERS = ("AA", "B6", "DL", "UA", "WN")
Law = Callable[[pl.DataFrame], np.ndarray]


def law(rows: pl.DataFrame) -> np.ndarray:
    return 1 / (1 + np.exp(-1.5 * rows["wind"].to_numpy()))


def weak(rows: pl.DataFrame) -> np.ndarray:
    """The law, turned round where B6 flies short distances: about one row in twenty-five."""
    short = ((rows["carrier"] == "B6") & (rows["distance"] <= 500)).to_numpy()
    return np.where(short, 1 - law(rows), law(rows))


def coin(rows: pl.DataFrame) -> np.ndarray:
    return np.full(rows.height, 0.3)


def judged(rows: int, seed: int, chance: Law, predict: Law) -> Evidence:
    random = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "carrier": random.choice(CARRIERS, rows),
            "distance": random.integers(1, 27, rows) * 100.0,
            "wind": random.normal(size=rows),
            "seats": random.integers(50, 300, rows),
        }
    )
    late = (random.random(rows) < chance(frame)).astype(np.int64)
    frame = frame.with_columns(late=pl.Series(late))
    return collect(predict, frame, "late", signature=signature_of(frame, "late"))


def share(
    runs: int, rows: int, chance: Law, predict: Law, is_hit: Callable[[Evidence], Any]
) -> str:
    hits = sum(bool(is_hit(judged(rows, seed, chance, predict))) for seed in range(runs))
    return f"{hits / runs:7.2%}"


def failed(check: Any, demand: Any) -> Callable[[Evidence], bool]:
    return lambda evidence: check.check(demand, evidence).outcome == "failed"


def named(evidence: Evidence) -> bool:
    found = weakness.check(Weakness(gap=0.05), evidence)
    return bool(found.parts) and found.parts[0].name == 'carrier = "B6" and distance <= 500'


def covered(seed: int) -> tuple[bool, bool]:
    random = np.random.default_rng(seed)
    chance = random.beta(2, 5, 2000)
    labels = (random.random(2000) < chance).astype(float)
    found = reliability(labels, np.clip(chance + 0.03, 0, 1), seed=seed)
    return found.lower <= 0.03, found.upper >= 0.03


def main(runs: int) -> None:
    start = time.process_time()
    on_limit = Slices(metric="prevalence", by=("carrier", ("carrier", "distance")), at_most=0.3)
    parity = Fairness(
        by=("carrier",), measure="demographic_parity_difference", at_most=1e-9, threshold=0.3
    )
    lines = {
        "weakness: false alarms, 1,200 rows, gap 0": share(
            runs, 1200, coin, coin, failed(weakness, Weakness(gap=0.0))
        ),
        "weakness: false alarms, 5,000 rows, gap 0, the law": share(
            runs, 5000, law, law, failed(weakness, Weakness(gap=0.0))
        ),
        "weakness: 4 % of 8,000 rows turned round, found": share(
            runs, 8000, weak, law, failed(weakness, Weakness(gap=0.05))
        ),
        "weakness: and named exactly": share(runs, 8000, weak, law, named),
        "slices: false alarms, 25 slices on the limit": share(
            runs, 5000, coin, coin, failed(slices, on_limit)
        ),
        "calibration: false alarms, 500 rows, limit 0.02": share(
            runs, 500, law, law, failed(calibration, Calibration(at_most=0.02))
        ),
        "fairness: false alarms, equal groups, limit 0": share(
            runs, 2000, law, law, failed(fairness, parity)
        ),
    }
    bounds = np.array([covered(seed) for seed in range(runs)]).mean(axis=0)
    lines["calibration: lower bound holds"] = f"{bounds[0]:7.2%}"
    lines["calibration: upper bound holds"] = f"{bounds[1]:7.2%}"
    table = ["| What | share of runs |", "|---|---|"]
    table += [f"| {words} | {figure.strip()} |" for words, figure in lines.items()]
    table += ["", f"{runs:,} runs each, {time.process_time() - start:.0f} s of CPU."]
    print("\n".join(table))
    write_section("Checks of models", table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
