"""People: who may do what, and who said yes. Read `rules.py` first."""
