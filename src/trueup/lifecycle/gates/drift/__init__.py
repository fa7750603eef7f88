"""Drift of one table against another: `comparing.py` first, which measures, tests and judges."""
