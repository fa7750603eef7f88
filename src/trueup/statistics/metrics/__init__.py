"""The one definition of each metric, used by a gate on rows and by a monitor on counts.

Nothing here knows a threshold of a goal or a window. One file for each kind of question: ``binary``
and ``decisions``, ``multiclass``, ``regression``, ``quantiles``, ``ranking``; ``catalogue`` names
all of them. Read ``estimates.py`` first, ``intervals.py`` next: bounds of these estimates.
"""

from trueup.statistics.metrics.binary import tied
from trueup.statistics.metrics.catalogue import METRICS, argument_of, beside, fingerprint, metric
from trueup.statistics.metrics.estimates import Estimate, FloatArray, Metric, numbers, rows
from trueup.statistics.metrics.latency import FEWEST_CALLS, quantile_from_histogram
from trueup.statistics.metrics.own import is_own, own

__all__ = [
    "FEWEST_CALLS",
    "METRICS",
    "Estimate",
    "FloatArray",
    "Metric",
    "argument_of",
    "beside",
    "fingerprint",
    "is_own",
    "metric",
    "numbers",
    "own",
    "quantile_from_histogram",
    "rows",
    "tied",
]
