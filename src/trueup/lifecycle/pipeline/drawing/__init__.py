"""From a pipeline function to its graph: traced once with placeholders, types matched.

Read `tracing.py` first.
"""
