"""Running pipelines across the stages: one run, many runs, runs elsewhere, and what they print.

Read `training.py` first: it snapshots data, runs, and registers what was made.
"""
