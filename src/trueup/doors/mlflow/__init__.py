"""The door for MLflow's clients: they work unchanged. Read `application.py`, then `routes.py`.

One file per family of endpoints; `wire.py` has the shapes that several of them share.
"""
