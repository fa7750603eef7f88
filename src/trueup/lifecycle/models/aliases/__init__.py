"""Aliases and stages: names that move from version to version, and where they were when."""
