"""Continuous integration: files for the servers that build, hooks for Git, reports for reviews."""
