"""What a new version proves while it is tried out: totals of what both arms did, and decisions."""
