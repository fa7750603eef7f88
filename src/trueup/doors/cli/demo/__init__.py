"""`trueup demo`. Read `command.py` first."""
