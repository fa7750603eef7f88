"""Comparing two model versions in all that they are made of: read `versions.py` first."""
