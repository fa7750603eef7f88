"""Remotes: blobs and small records kept in an object store that a team shares. Read `remote.py`."""
