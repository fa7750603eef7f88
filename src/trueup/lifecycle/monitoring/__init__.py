"""Monitoring: live traffic against the plan's goals and the training rows. Read `records.py`."""
