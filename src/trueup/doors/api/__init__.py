"""The JSON API under `/api/v1`: thin handlers over the stages' verbs. Read `access.py` first."""
