"""Branches of a dataset: lines of its versions, and what brings two of them together.

Read `merging.py` for how two sides become one.
"""
