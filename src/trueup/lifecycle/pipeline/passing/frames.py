"""Frames between steps: any library's frame in, Parquet in the store, the wanted frame out.

pandas needs no Arrow package here: columns are taken one by one, and what has no exact form in
Parquet is refused. Importing this module imports no frame library.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trueup.lifecycle.pipeline import matching

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

# A frame larger than this is written to a file beside the store, not in memory.
IN_MEMORY: Final = 32 << 20


class Unkept(ValueError):
    """A frame that has no exact stored form; says why."""


def is_frame(value: Any) -> bool:
    """Whether a value is a frame of any library, with its rows in memory."""
    kind = matching.frame_kind(type(value))
    return kind not in ("", "polars.LazyFrame") or _is_arrow(value)


def as_polars(value: Any) -> pl.DataFrame:
    """Any library's frame as one of Polars.

    Raises:
        Unkept: A column, the index or the names have no exact form.
    """
    import polars as pl

    if isinstance(value, pl.DataFrame):
        return value
    if matching.frame_kind(type(value)) == "pandas.DataFrame":
        return _from_pandas(value)
    frame = pl.DataFrame(value)  # through the Arrow stream that it offers
    assert isinstance(frame, pl.DataFrame)
    return frame


def as_kind(frame: pl.DataFrame, kind: str) -> Any:
    """The frame as `pandas.DataFrame`, `pyarrow.Table`, `polars.LazyFrame`, or as it is."""
    if kind == "pandas.DataFrame":
        return to_pandas(frame)
    if kind == "pyarrow.Table":
        return frame.to_arrow()
    return frame.lazy() if kind == "polars.LazyFrame" else frame


def to_parquet(frame: pl.DataFrame) -> bytes:
    """The bytes of a frame; equal frames give equal bytes.

    Raises:
        Unkept: Parquet cannot hold a column.
    """
    buffer = io.BytesIO()
    _write(frame, buffer)
    return buffer.getvalue()


def to_parquet_file(frame: pl.DataFrame, path: Path) -> None:
    """The same bytes as `to_parquet`, in a file.

    Raises:
        Unkept: Parquet cannot hold a column.
    """
    _write(frame, path)


def read(path: Path) -> pl.DataFrame:
    """The frame that a file of the store holds."""
    import polars as pl

    return pl.read_parquet(path, glob=False)  # the name is a digest: nothing is to be globbed


def to_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """The frame as one of pandas."""
    import pandas as pd

    columns = {name: _pandas_column(frame[name]) for name in frame.columns}
    return pd.DataFrame(columns, index=pd.RangeIndex(frame.height), columns=pd.Index(frame.columns))


def _write(frame: pl.DataFrame, target: io.BytesIO | Path) -> None:
    import polars as pl

    try:
        frame.rechunk().write_parquet(target)
        source = io.BytesIO(target.getvalue()) if isinstance(target, io.BytesIO) else target
        schema = pl.read_parquet_schema(source)
    except Exception as error:
        raise Unkept(f"is a frame that Parquet cannot hold ({error})") from error
    for name, kind in frame.schema.items():
        if schema.get(name) != kind:
            raise Unkept(f"has the column '{name}' of type {kind}, which Parquet cannot hold")


def _is_arrow(value: Any) -> bool:
    """Whether a value offers itself as an Arrow table, and is no frame or column that we know."""
    offers = hasattr(type(value), "__arrow_c_stream__")
    return offers and type(value).__module__.partition(".")[0] not in ("polars", "pandas")


def _from_pandas(value: pd.DataFrame) -> pl.DataFrame:
    import pandas as pd
    import polars as pl

    index = value.index
    if not isinstance(index, pd.RangeIndex) or (index.start, index.step) != (0, 1) or index.name:
        raise Unkept("is a pandas frame with an index of its own, which Parquet cannot hold")
    if not all(isinstance(name, str) for name in value.columns):
        raise Unkept("is a pandas frame with a column name that is no text")
    if not value.columns.is_unique:
        raise Unkept("is a pandas frame in which two columns have one name")
    return pl.DataFrame([_polars_column(name, value[name]) for name in value.columns])


def _polars_column(name: str, column: pd.Series[Any]) -> pl.Series:
    import pandas as pd
    import polars as pl

    kind: Any = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        texts = _texts(name, column.astype(object))
        return pl.Series(name, texts, dtype=pl.Categorical)
    if isinstance(kind, pd.DatetimeTZDtype):
        plain = column.dt.tz_convert("UTC").dt.tz_localize(None)
        moments = _moments(name, plain.to_numpy())
        return moments.dt.replace_time_zone("UTC").dt.convert_time_zone(str(kind.tz))
    if isinstance(kind, pd.StringDtype) or str(kind) == "object":
        return pl.Series(name, _texts(name, column), dtype=pl.String)
    if kind.kind in "Mm":
        return _moments(name, column.to_numpy())
    if kind.kind in "biuf":
        if not pd.api.types.is_extension_array_dtype(kind):
            return pl.Series(name, column.to_numpy())
        wanted = getattr(pl, str(kind.name).replace("boolean", "Boolean"), None)
        if wanted is not None:
            items = [None if item is pd.NA else item for item in column.tolist()]
            return pl.Series(name, items, dtype=wanted)
    raise Unkept(f"has the column '{name}' of type {kind}, which has no exact form in Parquet")


def _moments(name: str, values: Any) -> pl.Series:
    import numpy as np
    import polars as pl

    unit = np.datetime_data(values.dtype)[0]
    if unit not in ("ns", "us", "ms"):
        values = values.astype(f"{values.dtype.kind}8[ms]")
    return pl.Series(name, values)


def _texts(name: str, column: pd.Series[Any]) -> list[str | None]:
    items = [None if missing else item for item, missing in zip(column, column.isna(), strict=True)]
    for item in items:
        if item is not None and not isinstance(item, str):
            raise Unkept(
                f"has the column '{name}' with a {type(item).__name__} beside texts, "
                "which Parquet cannot hold"
            )
    return items


def _pandas_column(column: pl.Series) -> Any:
    import pandas as pd
    import polars as pl

    kind = column.dtype
    if isinstance(kind, pl.Categorical | pl.Enum):
        return pd.Categorical(column.cast(pl.String).to_list())
    if isinstance(kind, pl.Datetime) and kind.time_zone:
        plain = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        moments = pd.Series(plain.to_numpy()).dt.tz_localize("UTC")
        return moments.dt.tz_convert(kind.time_zone).array
    if kind == pl.String:
        return pd.array(column.to_list(), dtype="str")
    if column.null_count() and (kind.is_integer() or kind == pl.Boolean):
        return pd.array(column.to_list(), dtype="boolean" if kind == pl.Boolean else str(kind))
    if kind.is_numeric() or kind.is_temporal() or kind == pl.Boolean:
        return column.to_numpy()
    return pd.Series(column.to_list(), dtype=object).array
