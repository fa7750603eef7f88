"""Pipelines: plain functions, traced into a graph, checked and keyed before anything runs.

Read `decorators.py` first, then `graph.py`; `fingerprint.py` says what the cache key is made of.
"""
