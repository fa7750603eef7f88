"""`trueup data …`. Read `command.py` first."""
