"""The ML Test Score and the maturity levels, computed from live evidence; nobody ticks anything."""
