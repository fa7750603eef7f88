"""`trueup run` and `trueup explain-cache`. Read `command.py` first."""
