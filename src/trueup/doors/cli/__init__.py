"""The command line, one file per noun. Read `main.py` first."""
