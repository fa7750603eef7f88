"""`trueup score …`. Read `command.py` first."""
