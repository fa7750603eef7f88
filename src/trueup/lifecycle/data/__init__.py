"""Data: snapshots of files, each with an address that never changes its content."""
