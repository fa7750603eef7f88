"""Numerics that data, gates and monitors share: NumPy and SciPy in, plain numbers out.

Nothing here reads a clock, a file or a database, and nothing imports another part of the package.
Summaries turn columns into exact counts (``summaries``); counts are compared by ``distances`` and
tested by ``drift``. Labels and scores become a number with its error in ``metrics``; ``intervals``
turns that into bounds, ``pairs`` compares two models on the same rows, ``significance`` says what
many tests prove together, ``blocks`` makes its error survive rows that depend
on each other, ``calibration`` estimates it without labels, and ``sequential`` tests it while
looking as often as one likes. ``fingerprints`` names metric code.

Read ``metrics/`` first: a gate and a monitor are both built on its ``Estimate``.
"""
