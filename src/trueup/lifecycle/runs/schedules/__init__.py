"""Schedules: which moments a pipeline is due at, and which of them were seen to.

Read `records.py`, then `slots.py`.
"""
