"""Runs that code outside a pipeline reports: experiments, parameters, tags and points of metrics.

Read `records.py`, then `service.py`. Points take a way of their own, in `points.py`.
"""
