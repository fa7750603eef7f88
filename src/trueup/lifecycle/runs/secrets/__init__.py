"""Secrets of a project: kept in files beside its state, known to everything else by name."""
