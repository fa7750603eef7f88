"""Golden rows: a few rows of a version's holdout, and what it answered when it was registered.

They are kept with the version. Wherever it is loaded it must give these numbers again: another
library, another machine or a damaged file shows here, before anybody is answered.
"""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import polars as pl

from trueup.foundation.errors import GateFailedError, TrueupError, UserCodeError
from trueup.ports.blobs import Blobs
from trueup.ports.format import Predictor, Scores

ROWS: Final = 32
_RELATIVE, _ABSOLUTE = 1e-5, 1e-7
_ROW, _SCORES = "row", "scores"


def keep(blobs: Blobs, rows: pl.DataFrame, scores: Scores) -> str:
    """Keep the first rows with their answers; the digest of what was kept.

    Args:
        blobs: Where.
        rows: As the model is asked, at least one.
        scores: What it answered, shape [n] or [n, k].
    """
    few = rows.head(ROWS)
    answers = scores[:ROWS].reshape(few.height, -1).tolist()
    kept = pl.DataFrame(
        {_ROW: few.to_struct(_ROW), _SCORES: pl.Series(answers, dtype=pl.List(pl.Float64))}
    )
    written = io.BytesIO()
    kept.write_parquet(written, compression="zstd")
    return blobs.put(written.getvalue())


def read(blobs: Blobs, digest: str) -> tuple[pl.DataFrame, Scores]:
    """The rows, and what was answered, shape [n, k]."""
    kept = pl.read_parquet(io.BytesIO(blobs.get(digest)))
    return kept[_ROW].struct.unnest(), np.array(kept[_SCORES].to_list(), dtype=np.float64)


def prove(blobs: Blobs, digest: str, model_ref: str, predict: Predictor) -> None:
    """Refuse a loaded model that does not give the golden answers again.

    Raises:
        GateFailedError: It gives others.
        UserCodeError: It gives none.
    """
    rows, expected = read(blobs, digest)
    try:
        found = np.asarray(predict(rows), dtype=np.float64)
    except TrueupError:
        raise
    except MemoryError:
        raise
    except Exception as error:
        raise UserCodeError(
            "golden-rows",
            f"The model {model_ref} raised {type(error).__name__} on its golden rows, which it "
            "answered when it was registered.",
            hint=f"trueup check {model_ref}",
        ) from error
    if len(found) != len(expected) or found.size != expected.size:
        raise _differs(model_ref, f"has the shape {list(found.shape)} for {len(expected)} rows")
    found = found.reshape(expected.shape)
    same = np.isclose(found, expected, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True)
    wrong = np.flatnonzero(~same.all(axis=1))
    if len(wrong):
        first = int(wrong[0])
        column = int(np.flatnonzero(~same[first])[0])
        raise _differs(
            model_ref,
            f"differs in {len(wrong)} of {len(expected)} rows: row {first} was "
            f"{expected[first, column]:.6g} and is {found[first, column]:.6g}",
        )


def _differs(model_ref: str, how: str) -> GateFailedError:
    return GateFailedError(
        "golden-rows",
        f"What {model_ref} answers here {how}. It is not what was judged.",
        hint=f"trueup check {model_ref}",
        context={"model": model_ref},
    )
