"""Blob stores; the file name is the URL scheme."""
