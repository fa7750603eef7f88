"""The files that people work on: found, read, compared with versions, and made a version again.

Read `tree.py` first, then `keeping.py` for the way in and `checkout.py` for the way back.
"""
