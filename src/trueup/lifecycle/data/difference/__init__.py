"""What differs between two states of data: files, columns, rows, distributions.

Read `records.py` first: everything that is said about a difference.
"""
