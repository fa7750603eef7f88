"""The client of tracking: `trueup.run(...)` in anybody's training code.

Nothing here may import SQLAlchemy, NumPy or a frame library: it lives in the process that trains.
What is logged goes to files (`framing.py`, `segments.py`, `outbox.py`), which a process of its own
ships (`app/shipping`). Read `handle.py` next.
"""
