"""The nouns of pipelines: stored values, what a cache key is made of, cache entries."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple

from trueup.foundation.records import Record

ValueKind = Literal[
    "frame", "json", "array", "tensors", "model", "text", "bytes", "file", "folder", "list", "parts"
]


class StepOptions(Record):
    """What a step asks for beside its arguments.

    Attributes:
        cache: Whether an equal call may reuse an earlier result.
        version: Text of the user's that belongs to the cache key.
        depends_on: Files of the project, relative to its root, whose content belongs to the key.
        environment: Names of environment variables whose values belong to the key.
        secrets: Names of the secrets that the step may read.
        retries: How often to try again after a failure.
        backoff: Wait before the first retry (`2s`); each further one waits twice as long.
        timeout: Longest time of one attempt (`10m`); empty for none.
        cpus: Processor cores that one call occupies.
        memory: Memory that one call may use (`2GB`); empty for no limit.
        gpus: Graphics processors that one call occupies.
        at_most: How many calls of this step may run at once; 0 for no limit of its own.
        features: Name of the feature definition that its frame states; empty for none.
    """

    cache: bool = True
    version: str = ""
    depends_on: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    retries: int = 0
    backoff: str = "1s"
    timeout: str = ""
    cpus: float = 1.0
    memory: str = ""
    gpus: float = 0.0
    at_most: int = 0
    features: str = ""


class Partitions(Record):
    """The parts of its data that a pipeline runs for, one by one.

    Attributes:
        kind: How they are cut; `named` for names of the user's own.
        start: The first one, for those cut by time.
        names: The names, for those that are named.
        timezone: IANA name of the zone in which days begin; hours are those of UTC.
    """

    kind: Literal["monthly", "weekly", "daily", "hourly", "named"]
    start: str = ""
    names: tuple[str, ...] = ()
    timezone: str = "UTC"


class Place(NamedTuple):
    """A line in a file of the project, printed as `pipelines/flights.py:31`."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Parameter(NamedTuple):
    """One parameter of a pipeline: its type, and its default (`REQUIRED` if it has none)."""

    type: Any
    default: Any


class StoredValue(Record):
    """A value between steps, as it lies in the blob store.

    Attributes:
        kind: What it is; `parts` is a dict of such values, `list` a list of them.
        digest: Address of the bytes; for `parts` and `list` the digest of the digests inside.
        format: `parquet`, `json`, `npy`, `safetensors`, or the name of the model format; for a
            `file` the suffix of its name.
        rows: Rows of a frame or array.
        columns: Column names of a frame.
        parts: The values of a dict, by key.
        items: The values of a list, in order.
    """

    kind: ValueKind
    digest: str
    format: str = ""
    rows: int | None = None
    columns: tuple[str, ...] = ()
    parts: dict[str, StoredValue] = {}
    items: tuple[StoredValue, ...] = ()


class CodeFingerprint(Record):
    """What a function's behaviour depends on, as far as code goes.

    Attributes:
        digest: Address of all first-party code and values reached; empty when `problem` is set.
        parts: Each function, class or file reached, with its own digest.
        packages: Installed distributions reached, with their versions.
        files: The user's own files that it reaches, absolute.
        reads_environment: Whether it reads environment variables, whose values are not in here.
        problem: Why the function cannot be fingerprinted; empty when it can.
    """

    digest: str = ""
    parts: dict[str, str] = {}
    packages: dict[str, str] = {}
    files: tuple[str, ...] = ()
    reads_environment: bool = False
    problem: str = ""


class Declared(Record):
    """What a step declares to depend on beside its code and arguments, as it is now.

    Attributes:
        version: Text of the user's.
        files: Digests of files, by path.
        environment: Digests of environment variables' values, by name.
        secrets: Names of secrets; a value has no place in a key.
    """

    version: str = ""
    files: dict[str, str] = {}
    environment: dict[str, str] = {}
    secrets: tuple[str, ...] = ()


class Components(Record):
    """Everything a step's cache key is made of; the key is the digest of this record.

    Attributes:
        step: Name of the step.
        code: Digest of its code.
        parts: Digest of each function, class or file that the code reaches.
        parameters: Plain arguments by name.
        inputs: Content digests of the other arguments by name.
        python: Version of Python.
        packages: Versions of the distributions that the code reaches.
        version: Text of the user's that belongs to the key.
        files: Digests of the declared files, by path.
        environment: Digests of the declared environment variables' values, by name.
        secrets: Names of the secrets that the step may read; never their values.
        layout: Rises when Trueup changes how values are stored.
    """

    step: str
    code: str
    parts: dict[str, str]
    parameters: dict[str, Any]
    inputs: dict[str, str]
    python: str
    packages: dict[str, str]
    version: str = ""
    files: dict[str, str] = {}
    environment: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    layout: int = 1


class CacheEntry(Record):
    """A step's result, kept under its key.

    Attributes:
        key: Digest of the components.
        step: Name of the step.
        run: The run that made it.
        outputs: What the step returned.
        components: What the key was made of, so that a miss can be explained.
        seconds: How long the step took.
        created_at: When.
        opened: Digests of the files of the project that the step opened by itself, by path: the
            result is reused only while they are the same.
    """

    key: str
    step: str
    run: str
    outputs: StoredValue
    components: Components
    seconds: float
    created_at: datetime
    opened: dict[str, str] = {}


class Source(Record):
    """The state of the project's Git repository.

    Attributes:
        commit: The commit that is checked out.
        changed: Files that differ from it or that it does not hold.
    """

    commit: str
    changed: tuple[str, ...] = ()

    @property
    def is_dirty(self) -> bool:
        """Whether any file differs from the commit."""
        return bool(self.changed)


class Difference(Record):
    """One way in which two values differ.

    Attributes:
        where: The part of the value, such as `['train']` or `column delay`; empty for all of it.
        what: What differs, in words.
        largest: The largest relative difference of numbers; None where it is not about numbers.
    """

    where: str
    what: str
    largest: float | None = None

    def is_within(self, tolerance: float) -> bool:
        """Whether only numbers differ, by no more than this."""
        return self.largest is not None and self.largest <= tolerance

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what
