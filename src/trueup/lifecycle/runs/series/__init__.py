"""Series: many runs of one pipeline, over partitions, combinations of parameters, or a search.

Read `records.py`, then `rules.py`.
"""
