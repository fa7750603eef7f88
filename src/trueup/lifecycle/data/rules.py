"""What may belong to a dataset, and what a change is. Pure functions."""

from __future__ import annotations

import errno
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from trueup.foundation.errors import (
    BackendError,
    ConflictError,
    NotFoundError,
    TrueupError,
    UsageError,
)
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.data.records import Change, DatasetVersion, Forgotten

SUFFIXES: Final = (".parquet", ".csv")
# The state of Trueup and of Git: never kept, never written.
RESERVED: Final = frozenset({".trueup", ".git"})
MOST_NAMED: Final = 20


def declared(name: str, known: Iterable[str]) -> None:
    """Refuse a dataset that neither the plan declares nor anybody added.

    Raises:
        NotFoundError: With the nearest known name.
    """
    if name not in set(known):
        raise NotFoundError(
            "dataset-not-found",
            f"There is no dataset '{name}'.{did_you_mean(name, known)}",
            hint="trueup data list",
        )


def check_name(name: str, shown: str) -> None:
    """Refuse a file name that cannot be written down everywhere.

    Raises:
        UsageError: It is not UTF-8 text.
    """
    if name.isascii():
        return
    try:
        name.encode()
    except UnicodeEncodeError:
        raw = name.encode("utf-8", "surrogateescape")
        printable = repr(raw)[2:-1]
        raise UsageError(
            "dataset-name-not-text",
            f"{shown} holds a file whose name is no UTF-8 text: {printable}.",
            hint=f"mv \"{shown}/$(printf '{printable}')\" '{shown}/a-name-of-letters'",
        ) from None


def check_names(names: Sequence[str], shown: str, *, clashes: bool) -> None:
    """Refuse names of one folder that cannot be written down or, if asked, told apart everywhere.

    Raises:
        UsageError: Naming the file or the pair.
    """
    if not "".join(names).isascii():
        for name in names:
            check_name(name, shown)
    if not clashes:
        check_clashes(names, shown)


def check_clashes(names: Sequence[str], shown: str) -> None:
    """Refuse names of one folder that some file systems cannot tell apart.

    Raises:
        UsageError: Naming the pair.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(folded(name), name)
        if other is not name:
            first, second = sorted((other, name))
            raise UsageError(
                "dataset-case-clash",
                f"{shown} holds '{first}' and '{second}', which macOS and Windows "
                "cannot tell apart.",
                hint=f"mv '{shown}/{second}' '{shown}/{second}-2'   (or: --allow-clashes)",
            )


def check_path(path: str) -> None:
    """Refuse a path of a manifest that may not be written below a dataset's place.

    A manifest may come from elsewhere: nothing in it is trusted.

    Raises:
        BackendError: It leads out, or into the state of Trueup or Git.
    """
    parts = path.split("/")
    if not all(parts) or "\0" in path or not {".", "..", *RESERVED}.isdisjoint(parts):
        raise BackendError(
            "manifest-unsafe",
            f"The file list of the data names the path {path!r}, which may not be written.",
            hint="trueup doctor",
        )


def same_columns(path: str, columns: Mapping[str, str], first: Mapping[str, str]) -> None:
    """Refuse a file whose columns differ from those of the dataset's first file.

    Raises:
        UsageError: Naming the columns that differ.
    """
    differing = sorted(name for name in {*columns, *first} if columns.get(name) != first.get(name))
    if differing:
        raise UsageError(
            "dataset-columns-differ",
            f"{path} differs from the first file of its dataset in {listing(differing[:5])}.",
            hint="give all files of one dataset the same columns and types",
        )


def named(changes: Iterable[Change]) -> dict[str, list[str]]:
    """The paths of changes by kind, for the event log: at most 20 of each."""
    found: dict[str, list[str]] = {"added": [], "removed": [], "changed": []}
    for each in changes:
        if len(found[each.kind]) < MOST_NAMED:
            found[each.kind].append(each.path)
        elif all(len(paths) == MOST_NAMED for paths in found.values()):
            break
    return found


def change(
    before: DatasetVersion | None, after: DatasetVersion, changes: Iterable[Change]
) -> dict[str, object]:
    """What a new version changes, for the event log."""
    rows = {"rows": after.rows, "rows_before": before.rows if before else 0}
    return {**rows, **named(changes)}


def unreadable(error: OSError, shown: str) -> TrueupError:
    """The error for a file or folder that cannot be read, by what the system says."""
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR | errno.ESTALE:
            return ConflictError(
                "dataset-changing",
                f"{shown} went away while it was being read.",
                hint="wait until nothing writes there, then run this again",
            )
        case errno.ELOOP:
            return ConflictError(
                "dataset-changing",
                f"{shown} was replaced by a symbolic link while it was being read.",
                hint="wait until nothing writes there, then run this again",
            )
        case errno.EACCES | errno.EPERM:
            return UsageError(
                "dataset-file-unreadable",
                f"{shown} may not be read: {error.strerror}.",
                hint=f"chmod u+rX '{shown}'",
            )
        case errno.ENAMETOOLONG:
            return UsageError(
                "dataset-path-too-long",
                f"{shown[:200]}… is longer than the system can open.",
                hint="shorten the names of its folders",
            )
    return BackendError(
        "dataset-file-unreadable",
        f"{shown} cannot be read: {error.strerror or error}.",
        hint=f"cat '{shown}' > /dev/null",
    )


def folded(name: str) -> str:
    """The form in which names are equal for file systems that ignore case and accents' forms."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def first(items: Iterable[str], most: int = 5) -> str:
    """The first few of many, and that there are more."""
    some = list(islice(items, most + 1))
    return listing(some[:most]) + (" and more" if len(some) > most else "")


_BRANCH: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}")


def check_branch(name: str) -> str:
    """Return `name` if it may name a branch: it must not look like a version or a digest.

    Raises:
        UsageError: It cannot.
    """
    if not _BRANCH.fullmatch(name):
        raise UsageError(
            "name-malformed",
            f"The branch name '{name[:100]}' may hold letters, digits, '.', '_' and '-', begins "
            "with a letter, and has at most 100 of them.",
            hint="name it, for example: fewer-outliers",
        )
    return name


def is_forgotten(gone: Forgotten, *, has_bytes: bool) -> NotFoundError:
    """The error for a version that somebody forgot."""
    ref = f"{gone.dataset}@{gone.version}"
    return NotFoundError(
        "version-forgotten",
        f"data:{ref} was forgotten on {gone.told}.",
        hint=f"trueup data forget {ref} --undo   (its bytes are here still)"
        if has_bytes
        else f"trueup data pull {ref}   (if a remote has it still)",
    )
