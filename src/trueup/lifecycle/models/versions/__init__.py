"""Versions that clients of other tools register, and what may change about any version."""
