"""`trueup check …`. Read `command.py` first."""
