"""The files that `trueup init` writes, as they are; `app/starting.py` writes them."""
