"""Engines, one file each; files that begin with `_` are parts of them."""
