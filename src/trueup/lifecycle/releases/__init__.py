"""Releases: a verdict, approvals and a strategy put a model version into a deployment."""
