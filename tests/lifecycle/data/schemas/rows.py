"""Rows of a source that has every kind of column, made from a seed."""

from __future__ import annotations

import numpy as np
import polars as pl


def source(n: int, seed: int) -> pl.DataFrame:
    """Fresh rows of one source: short and long tails, rare categories, missing values."""
    r = np.random.default_rng(seed)
    normal = r.normal(size=n)
    return pl.DataFrame(
        {
            "customer_id": r.permutation(10**6)[:n],
            "normal": normal,
            "waiting": r.exponential(size=n),
            "price": np.exp(2 * r.normal(size=n)),
            "cauchy": r.standard_cauchy(n),
            "share": r.uniform(size=n),
            "count": r.poisson(2, n),
            "month": r.integers(1, 13, n),
            "segment": r.choice(list("abcde"), n, p=[0.5, 0.3, 0.15, 0.04, 0.01]),
            "zero": np.where(r.random(n) < 0.9, 0.0, r.exponential(size=n)),
            "late": r.integers(0, 2, n),
            "is_new": r.random(n) < 0.1,
            "at": (r.integers(0, 10**9, n) * 1000).astype("datetime64[us]"),
        }
    ).with_columns(
        gappy=pl.when(pl.Series(r.random(n) < 0.03)).then(None).otherwise(pl.col("normal")),
        rare_gap=pl.when(pl.Series(r.random(n) < 1 / 2000)).then(None).otherwise(pl.col("normal")),
    )
