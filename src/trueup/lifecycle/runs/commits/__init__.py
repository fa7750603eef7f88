"""Commits that were seen: at the check-out, at the remote repository, or in a push it told of.

Read `service.py`.
"""
