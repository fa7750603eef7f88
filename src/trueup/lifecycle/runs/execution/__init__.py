"""Carrying out a run: what the cache holds is reused, the rest is handed to the engine.

Read `executing.py`, then `scheduler.py`.
"""
