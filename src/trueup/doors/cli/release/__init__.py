"""`trueup release`. Read `command.py` first."""
