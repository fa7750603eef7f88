"""Words for people: near names, counts, sizes, times."""

from __future__ import annotations

from collections.abc import Iterable

# One sign for one sign, so that columns and styles stay where they are; lines and tabs stay.
_SIGNS = {number: 0x2400 + number for number in range(32) if chr(number) not in "\n\t"}
_SIGNS |= {0x7F: 0x2421, **dict.fromkeys(range(0x80, 0xA0), 0xFFFD)}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word closest to `word`, if one is close enough.

    Example:
        >>> nearest("metrik", ["metric", "goal"])
        'metric'
    """
    import difflib  # here: only a mistake needs it, and every command imports this module

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or nothing."""
    near = nearest(word, known)
    return f" Did you mean '{near}'?" if near else ""


def plural(count: int, noun: str, many: str = "") -> str:
    """A count with its noun.

    Example:
        >>> plural(1, "alert"), plural(12_000, "row")
        ('1 alert', '12,000 rows')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def listing(words: Iterable[str]) -> str:
    """Words joined as in a sentence: `a, b and c`."""
    items = list(words)
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1]])) if items else ""


def sentence(words: str) -> str:
    """Words that end as a sentence does.

    Example:
        >>> sentence("there is none"), sentence("Did you mean 'x'?")
        ('there is none.', "Did you mean 'x'?")
    """
    return words if words.endswith((".", "?", "!")) else f"{words}."


def visible(words: str) -> str:
    """Words in which everything that a terminal would obey is a sign that is only seen.

    Names of files come from anywhere: one may clear the screen or rename the window.

    Example:
        >>> visible("\\x1b[31mred")
        '␛[31mred'
    """
    return words.translate(_SIGNS)


def size(count: int) -> str:
    """A number of bytes for people.

    Example:
        >>> size(1536)
        '1.5 KiB'
    """
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def seconds(value: float) -> str:
    """A length of time for people.

    Example:
        >>> seconds(0.0042), seconds(75)
        ('4.2 ms', '1 min 15 s')
    """
    if value < 1e-3:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.3g} ms"
    if value < 60:
        return f"{value:.3g} s"
    return f"{int(value // 60)} min {int(value % 60)} s"
