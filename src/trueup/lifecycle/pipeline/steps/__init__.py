"""Steps that are no Python functions: programs, notebooks, builds elsewhere."""
