"""Runs that nobody looks at any more: their names and figures stay, their files go."""
