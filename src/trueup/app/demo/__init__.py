"""`trueup demo`: the whole life of a model on real flights. Read `story.py` first."""
