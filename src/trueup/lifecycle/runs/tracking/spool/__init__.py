"""What was logged here and waits for a server: `store.py` keeps it, `replaying.py` sends it."""
