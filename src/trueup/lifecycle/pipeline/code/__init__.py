"""What a step's behaviour depends on in code: its syntax, its closure, packages, commit.

Read `fingerprint.py` first.
"""
