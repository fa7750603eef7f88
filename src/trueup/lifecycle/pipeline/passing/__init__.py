"""Values between steps: kept as blobs in open formats, handed over, taken back, compared.

Read `values.py` first.
"""
