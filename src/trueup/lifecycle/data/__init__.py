"""Data: snapshots of files, each with an address that never changes its content.

Read `records.py` and `manifest.py`, then `service.py`; `taking.py` makes a version. `worktree/` has
the files people work on, `exchange/` push and pull, `upkeep/` what keeps the store sound.
"""
