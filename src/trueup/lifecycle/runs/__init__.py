"""Runs: one execution of a pipeline, with every input, step, metric and result on record.

Read `records.py`, then `execution/`, which carries a run out, and `preview/`, which says what it
would do. `service.py` records; the other folders are nouns of their own beside the run.
"""
