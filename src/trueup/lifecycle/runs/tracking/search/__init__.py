"""Searching experiments and runs: filtered, sorted, page by page, each page as cheap as the first.

Read `vocabulary.py` for what may be asked, then `conditions.py`, `service.py`, `state/paging.py`.
"""
