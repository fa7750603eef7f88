"""Keeping experiments and runs in order: renamed, tagged, deleted, restored. Read `service.py`."""
