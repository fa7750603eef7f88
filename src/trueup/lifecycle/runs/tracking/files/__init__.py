"""Files of runs, models and experiments: names in a table, bytes in the blob store.

A client's path is a name in the table `tracked_files` and never one of the disk; the one exception
is `plain.py`, for a folder that clients write to by themselves. Read `service.py`.
"""
