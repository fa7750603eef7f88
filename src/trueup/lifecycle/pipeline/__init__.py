"""Pipelines: plain functions, traced into a graph, checked and keyed before anything runs.

Read `decorators.py` first, then `drawing/` (the graph) and `code/` (what the cache key is made of).
"""
