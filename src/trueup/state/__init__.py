"""How facts are kept: one transaction writes the rows and the events that say so.

Read `unit.py` first, then `eventlog.py`.
"""
