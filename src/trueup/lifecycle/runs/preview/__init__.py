"""What a run would do, and why, found out without running anything. Read `records.py` first."""
