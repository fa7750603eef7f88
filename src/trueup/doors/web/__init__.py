"""The web door: pages as plain HTML made on the server, each with a `.json` twin.

Read `application.py` first, then `doorkeeper.py` (what comes in), `shell.py` (what goes out) and
one file of `pages/` for each noun.
"""
