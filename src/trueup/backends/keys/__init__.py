"""Signing keys; the file name is the URL scheme."""
