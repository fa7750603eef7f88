"""The application: wiring from configuration, automation, scheduler, lineage, status, demo.

Read `wiring.py` first, then `automation.py`, which closes the loop.
"""
