"""What keeps the store sound: everything is read again, what is damaged is mended, waste goes.

Read `live.py` for what counts as used.
"""
