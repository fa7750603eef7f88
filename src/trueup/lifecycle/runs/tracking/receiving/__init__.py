"""Batches of our own client (`runs/logging`): told again in doubt, kept once. Read `service.py`."""
