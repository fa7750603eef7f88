"""Requests for runs: what a slot, an event or a program asked for, and what became of it.

Read `records.py`, then `service.py`.
"""
