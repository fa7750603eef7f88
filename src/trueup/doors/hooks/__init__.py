"""Hooks: what services of others tell us. Who sends is proven by a signature, not by a log-in."""
