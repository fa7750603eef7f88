"""What a remote holds is looked after: verified, forgotten, collected.

Read `forgetting.py` for which versions a remote may let go.
"""
