"""What searches of runs and of experiments may ask."""

from __future__ import annotations

from typing import Final

from trueup.state.query.vocabulary import LIST, NUMBER, PRESENCE, TEXT, Kind, Vocabulary

_TEXT: Final = Kind(holds="text", comparators=TEXT)
_LISTED: Final = Kind(holds="text", comparators=(*TEXT, *LIST))
_ID: Final = Kind(holds="text", comparators=("=", "!=", *LIST))
_WHOLE: Final = Kind(holds="whole", comparators=NUMBER)
_WORDS: Final = Kind(holds="text", comparators=(*TEXT, *PRESENCE))

_OWN_PREFIXES: Final = {"attributes": "attribute", "attr": "attribute"}
_TAGS: Final = {"tags": "tag"}

RUNS: Final = Vocabulary(
    own={
        "run_id": _LISTED,
        "run_name": _TEXT,
        "status": _TEXT,
        "user_id": _TEXT,
        "artifact_uri": _TEXT,
        "start_time": _WHOLE,
        "end_time": Kind(holds="whole", comparators=(*NUMBER, *PRESENCE)),
    },
    families={
        "metric": Kind(holds="number", comparators=(*NUMBER, *PRESENCE)),
        "parameter": _WORDS,
        "tag": _WORDS,
        "dataset": {"name": _LISTED, "digest": _LISTED, "context": _LISTED},
    },
    prefixes={
        **_OWN_PREFIXES,
        **_TAGS,
        "run": "attribute",
        "metrics": "metric",
        "param": "parameter",
        "params": "parameter",
        "parameters": "parameter",
        "datasets": "dataset",
    },
    names={
        "created": "start_time",
        "Created": "start_time",
        "run name": "run_name",
        "Run name": "run_name",
        "Run Name": "run_name",
    },
    sorted_by=(
        *("run_id", "run_name", "status", "user_id", "artifact_uri", "start_time", "end_time"),
    ),
    sorted_families=("metric", "parameter", "tag"),
)

EXPERIMENTS: Final = Vocabulary(
    own={
        "name": _TEXT,
        "experiment_id": _ID,
        "creation_time": _WHOLE,
        "last_update_time": _WHOLE,
    },
    families={"tag": _WORDS},
    prefixes={**_OWN_PREFIXES, **_TAGS},
    sorted_by=("name", "experiment_id", "creation_time", "last_update_time"),
)
