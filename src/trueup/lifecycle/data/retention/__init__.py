"""What is kept no longer: versions are forgotten by name or by rule, never what anything needs.

Read `forgetting.py` for what may go.
"""
