"""Checks of a running deployment, by its HTTP surface alone. Read `asking.py` first.

They hold for any server of the Open Inference Protocol; `replay.py` alone reads our journal.
"""
