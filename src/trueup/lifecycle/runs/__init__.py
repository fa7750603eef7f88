"""Runs: one execution of a pipeline, with every input, step, metric and result on record.

Read `records.py`, then `execution.py`.
"""
