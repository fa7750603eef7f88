"""Things that are logged as files: pictures, tables, figures, charts. Their libraries are guests.

Nothing is imported that the user's own code has not imported: an object of a library brings it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from trueup.foundation.errors import UsageError

_PICTURES: Final = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif", b"<svg": "svg"}


def picture(name: str, image: Any) -> tuple[str, bytes]:
    """A picture as a file: Pillow's, a NumPy array, or bytes of PNG, JPEG, GIF, WebP or SVG.

    Raises:
        UsageError: It is no picture.
    """
    if isinstance(image, bytes | bytearray):
        suffix = next((s for magic, s in _PICTURES.items() if image.startswith(magic)), "")
        if not suffix and image[:4] == b"RIFF" and image[8:12] == b"WEBP":
            suffix = "webp"
        if suffix:
            return _named(name, suffix), bytes(image)
        raise _unusable(name, "picture", image)
    if hasattr(image, "__array_interface__") and not hasattr(image, "save"):
        try:
            from PIL import Image  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError as error:
            raise UsageError(
                "picture-needs-pillow",
                f"The picture '{name}' is an array, and Pillow, which writes it, is not installed.",
                hint="pip install pillow",
            ) from error
        image = Image.fromarray(_bytes_of(image))
    if not hasattr(image, "save"):
        raise _unusable(name, "picture", image)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return _named(name, "png"), buffer.getvalue()


def _bytes_of(array: Any) -> Any:
    """Floats from 0 to 1 become bytes; a last axis of length one goes."""
    if array.dtype.kind == "f":
        array = (array.clip(0, 1) * 255).round().astype("uint8")
    return array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array


def figure(name: str, drawn: Any) -> tuple[str, bytes]:
    """A figure of matplotlib as SVG; one of anything that can `write_image` or say its HTML.

    Raises:
        UsageError: It is no figure.
    """
    drawn = getattr(drawn, "figure", drawn) or drawn  # axes belong to a figure
    if hasattr(drawn, "savefig"):
        buffer = io.BytesIO()
        suffix = "png" if name.endswith(".png") else "svg"
        drawn.savefig(buffer, format=suffix, bbox_inches="tight")
        return _named(name, suffix), buffer.getvalue()
    if hasattr(drawn, "to_html"):
        return _named(name, "html"), drawn.to_html().encode()
    raise _unusable(name, "figure", drawn)


def chart(name: str, spec: Any) -> tuple[str, bytes]:
    """A Vega-Lite chart, as a dict, JSON, or an object that can `to_dict` (Altair).

    Raises:
        UsageError: It is no chart.
    """
    if isinstance(spec, str | bytes):
        try:
            spec = msgspec.json.decode(spec)
        except msgspec.DecodeError:
            raise _unusable(name, "chart", spec) from None
    spec = spec.to_dict() if hasattr(spec, "to_dict") else spec
    if not isinstance(spec, Mapping):
        raise _unusable(name, "chart", spec)
    stem = name.removesuffix(".json").removesuffix(".vl")
    return f"{stem}.vl.json", msgspec.json.encode(spec)


def table(name: str, rows: Any) -> tuple[str, bytes]:
    """A table: Polars and Arrow as Parquet, pandas too where it can, a list of dicts as CSV.

    Raises:
        UsageError: It is no table.
    """
    buffer = io.BytesIO()
    rows = rows.collect() if hasattr(rows, "collect") else rows  # a lazy frame
    if hasattr(rows, "write_parquet"):
        rows.write_parquet(buffer)
        return _named(name, "parquet"), buffer.getvalue()
    if hasattr(rows, "to_parquet"):
        try:
            rows.to_parquet(buffer)
        except ImportError:
            return _named(name, "csv"), rows.to_csv(index=False).encode()
        return _named(name, "parquet"), buffer.getvalue()
    if hasattr(rows, "schema") and hasattr(rows, "to_pylist"):
        return _named(name, "csv"), _csv(rows.to_pylist(), list(rows.schema.names))
    if isinstance(rows, Mapping):
        columns = {str(key): list(values) for key, values in rows.items()}
        length = {len(values) for values in columns.values()}
        if len(length) == 1:
            cut = [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ]
            return _named(name, "csv"), _csv(cut, list(columns))
    elif isinstance(rows, Iterable) and not isinstance(rows, str | bytes):
        listed = list(rows)
        if all(isinstance(row, Mapping) for row in listed):
            return _named(name, "csv"), _csv(
                listed, list(dict.fromkeys(k for r in listed for k in r))
            )
    raise _unusable(name, "table", rows)


def _csv(rows: Iterable[Mapping[Any, Any]], columns: list[Any]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _named(name: str, suffix: str) -> str:
    return name if name.lower().endswith(f".{suffix}") else f"{name}.{suffix}"


def _unusable(name: str, kind: str, value: Any) -> UsageError:
    return UsageError(
        "content-unusable",
        f"'{name}' can be no {kind}: it is given as {type(value).__name__}.",
        hint=f'run.file("{name}")  # if it is a file already',
    )
