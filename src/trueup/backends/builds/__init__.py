"""Servers that build, one file each."""
