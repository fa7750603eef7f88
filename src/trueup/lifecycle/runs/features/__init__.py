"""Feature definitions: what a step makes of data, named and versioned like data."""
