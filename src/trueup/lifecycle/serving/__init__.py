"""Serving: the prediction server and its journal. A reply means recorded."""
