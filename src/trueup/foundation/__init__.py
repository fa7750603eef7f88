"""The words every other folder uses: errors, references, digests, records, clock, actors.

Nothing here imports another folder of Trueup. Read `errors.py` first.
"""
