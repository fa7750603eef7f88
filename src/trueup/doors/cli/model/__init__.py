"""`trueup model …`. Read `command.py` first."""
