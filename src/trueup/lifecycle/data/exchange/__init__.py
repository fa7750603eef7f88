"""Push and pull: versions and branches go to a remote and come from one.

Read `published.py` for what a remote says of versions, then `service.py`.
"""
