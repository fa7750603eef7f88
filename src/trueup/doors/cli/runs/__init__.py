"""`trueup runs …`. Read `command.py` first."""
