"""The application: what needs more than one stage. Running, automation, provenance, the demo.

Read `wiring.py` first, then `running/training.py`; `automation/` closes the loop.
"""
